using System.Text.Json.Serialization;

namespace Transcoder.Media.Devices;

/// <summary>JSON of the probe and the monitor.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ProbeReport))]
[JsonSerializable(typeof(MonitorReport))]
[JsonSerializable(typeof(Calibration))]
public sealed partial class DeviceJson : JsonSerializerContext;
