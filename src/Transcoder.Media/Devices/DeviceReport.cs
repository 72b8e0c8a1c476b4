using System.Text.Json.Serialization;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Devices;

/// <summary>A part of a device that works by itself and can be full, missing or broken by itself.</summary>
public enum EngineKind : byte
{
    Decode,
    Scale,
    Encode,
}

/// <summary>A way to a device: one card may be reached over several drivers' interfaces (an Intel GPU over qsv and vaapi).</summary>
/// <param name="Id">Stable identity of the hardware: "cpu", a GPU's UUID or a PCI address. Never an index.</param>
/// <param name="Kind">The interface: "nvenc", "qsv", "vaapi" or "software".</param>
[method: JsonConstructor]
public readonly record struct DeviceRef(string Id, string Kind)
{
    public static DeviceRef Cpu { get; } = new("cpu", "software");

    /// <summary>Nowhere: the place of a refusal.</summary>
    public static DeviceRef None { get; } = new("", "");

    public override string ToString() => $"{Id} ({Kind})";
}

/// <summary>One thing that one engine does over one interface, proved by doing it.</summary>
/// <param name="Kind">The interface, as in <see cref="DeviceRef"/>.</param>
/// <param name="Codec">Null for scaling.</param>
/// <param name="Implementation">FFmpeg's name: "h264_nvenc", "scale_cuda", "h264_cuvid".</param>
/// <param name="MaxWidth">Pixels; 0 where the driver doesn't say.</param>
/// <param name="MaxHeight">Pixels; 0 where the driver doesn't say.</param>
/// <param name="MaxBFrames">Between references; 0 for all but encoders.</param>
/// <param name="Refusal">Why it can't be used after all; null: a few frames went through it.</param>
public sealed record EngineCapability(
    EngineKind Engine, string Kind, CodecId? Codec, string Implementation, int MaxWidth, int MaxHeight, int MaxBFrames, Reason? Refusal)
{
    /// <summary>Pixels; 0 where the driver doesn't say.</summary>
    public int MinWidth { get; init; }

    /// <summary>Pixels; 0 where the driver doesn't say.</summary>
    public int MinHeight { get; init; }

    public bool IsUsable => Refusal is null;
}

/// <summary>One device as the probe found it. A card without an encode engine is a device without such lines, not an error.</summary>
/// <param name="Id">Stable identity: "cpu", a GPU's UUID or a PCI address.</param>
/// <param name="Vendor">"nvidia", "intel", "amd" or "cpu".</param>
/// <param name="Address">PCI address in the form 0000:65:00.0; empty for the CPU.</param>
/// <param name="Driver">Driver and its version, for a person.</param>
/// <param name="IsSimulated">A driver for tests: it encodes on the CPU.</param>
/// <param name="MemoryBytes">Device memory; 0 where it has none of its own or doesn't say.</param>
/// <param name="Consumer">The vendor's driver limits the encoder sessions of such cards, per system.</param>
/// <param name="Findings">What a person should know, each with what to do.</param>
public sealed record DeviceReport(
    string Id,
    string Name,
    string Vendor,
    string Address,
    string Driver,
    bool IsSimulated,
    long MemoryBytes,
    bool Consumer,
    IReadOnlyList<EngineCapability> Engines,
    IReadOnlyList<Reason> Findings);

/// <summary>What <c>transcoder worker probe</c> answers, as JSON on its standard output.</summary>
/// <param name="Findings">What concerns no single device: a missing driver, a container without the video capability.</param>
/// <param name="Libraries">FFmpeg's library versions.</param>
public sealed record ProbeReport(IReadOnlyList<DeviceReport> Devices, IReadOnlyList<Reason> Findings, string Libraries)
{
    /// <summary>Devices that are still being tried, for a person; null: the report is complete.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Awaited { get; init; }

    [JsonIgnore]
    public bool IsComplete => Awaited is null;
}
