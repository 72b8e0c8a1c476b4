namespace Transcoder.Media.Devices;

/// <summary>One device at one moment. A figure that the device doesn't give is null, never zero.</summary>
/// <param name="Device">Stable identity.</param>
/// <param name="EncodeRatio">Busy share of the encode engines, 0 to 1; likewise the others.</param>
/// <param name="MemoryUsedBytes">By all processes.</param>
/// <param name="ClockHertz">Of the video engines, or of the core where they share its clock.</param>
/// <param name="ThrottleReasons">snake_case words; empty: none.</param>
/// <param name="Sessions">Encoder sessions of every process on the machine; null where the driver can't list them.</param>
/// <param name="Lost">The driver says the device has gone: a reason, or null.</param>
public sealed record DeviceSample(
    string Device,
    double? EncodeRatio,
    double? DecodeRatio,
    double? ComputeRatio,
    long? MemoryUsedBytes,
    long? MemoryTotalBytes,
    double? TemperatureCelsius,
    double? PowerWatts,
    double? ClockHertz,
    IReadOnlyList<string> ThrottleReasons,
    IReadOnlyList<EncoderSessionSample>? Sessions,
    Reason? Lost);

/// <param name="Codec">FFmpeg's codec name.</param>
/// <param name="FrameRate">Average, frames a second.</param>
public sealed record EncoderSessionSample(int ProcessId, string Codec, int Width, int Height, double FrameRate);

/// <summary>A line of JSON that <c>transcoder worker monitor</c> writes each second.</summary>
public sealed record MonitorReport(IReadOnlyList<DeviceSample> Devices);
