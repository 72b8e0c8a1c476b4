using System.Text.Json;
using System.Text.Json.Serialization;

namespace Transcoder.Streams.Resources;

/// <summary>What the appliance has learned of its devices, kept over restarts. Devices by their stable id.</summary>
public sealed record ResourceState(IReadOnlyDictionary<string, LearnedCap> SessionCaps, IReadOnlyDictionary<string, LearnedCapacity> Corrections)
{
    public static ResourceState Empty { get; } = new(new Dictionary<string, LearnedCap>(), new Dictionary<string, LearnedCapacity>());

    /// <summary>What was measured; it has a file of its own (<see cref="CalibrationFile"/>).</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, DeviceCalibration> Calibrations { get; init; } = new Dictionary<string, DeviceCalibration>();
}

/// <summary>Real encodes, decodes and scalings, as many at once as it took to fill the engine.</summary>
/// <param name="Driver">The report's driver when it was measured: of another one it is forgotten.</param>
/// <param name="Encode">Pixels a second at preset speed, by codec name.</param>
/// <param name="Decode">Pixels a second, by codec name.</param>
/// <param name="Scale">Pixels a second of the scaled picture; 0: not measured.</param>
public sealed record DeviceCalibration(string Driver, IReadOnlyDictionary<string, double> Encode, IReadOnlyDictionary<string, double> Decode, double Scale);

/// <param name="Sessions">Open at once, at most.</param>
public sealed record LearnedCap(int Sessions, string LearnedFrom, string Driver);

/// <summary>Factors on the calibrated or assumed capacity, from running sessions.</summary>
/// <param name="Base">The capacity that the factor is on: of another one, after a calibration, it is forgotten.</param>
public sealed record LearnedCapacity(string Driver, double Encode, double Base = 0);

/// <summary>The state file, JSON. A file that can't be read is no reason not to start: what it held is learned again.</summary>
public static class ResourceStateFile
{
    /// <exception cref="IOException">It is there and can't be read.</exception>
    /// <exception cref="JsonException">It isn't ours, or was cut off.</exception>
    public static ResourceState Load(string path) =>
        File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), ResourceStateJson.Default.ResourceState) ?? ResourceState.Empty : ResourceState.Empty;

    /// <summary>The file's content.</summary>
    public static byte[] Format(ResourceState state) => JsonSerializer.SerializeToUtf8Bytes(state, ResourceStateJson.Default.ResourceState);

    /// <summary>Whole or not at all: a crash leaves the old file.</summary>
    public static void Save(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var next = path + ".new";
        File.WriteAllBytes(next, content);
        File.Move(next, path, overwrite: true);
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ResourceState))]
internal sealed partial class ResourceStateJson : JsonSerializerContext;
