using System.Text.Json;
using System.Text.Json.Serialization;

namespace Transcoder.Streams.Resources;

/// <summary>
/// What <c>transcoder calibrate</c> has measured, by device. A file of its own: a daemon that runs meanwhile writes what it has learned to another one, and
/// neither overwrites the other's.
/// </summary>
public static class CalibrationFile
{
    public const string DefaultPath = "/var/lib/transcoder/calibration.json";

    /// <returns>Nothing where there is no file.</returns>
    /// <exception cref="IOException">It is there and can't be read.</exception>
    /// <exception cref="JsonException">It isn't ours, or was cut off.</exception>
    public static IReadOnlyDictionary<string, DeviceCalibration> Load(string path) => File.Exists(path)
        ? JsonSerializer.Deserialize(File.ReadAllBytes(path), CalibrationFileJson.Default.DictionaryStringDeviceCalibration) ?? []
        : new Dictionary<string, DeviceCalibration>();

    /// <summary>Whole or not at all: a crash leaves the old file.</summary>
    /// <exception cref="IOException">It can't be written.</exception>
    public static void Save(string path, IReadOnlyDictionary<string, DeviceCalibration> calibrations)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var next = path + ".new";
        File.WriteAllBytes(next, JsonSerializer.SerializeToUtf8Bytes(new(calibrations), CalibrationFileJson.Default.DictionaryStringDeviceCalibration));
        File.Move(next, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Dictionary<string, DeviceCalibration>))]
internal sealed partial class CalibrationFileJson : JsonSerializerContext;
