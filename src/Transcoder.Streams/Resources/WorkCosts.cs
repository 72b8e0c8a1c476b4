using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Resources;

/// <summary>
/// What work costs before anything was measured. On hardware the unit is a pixel of reference work (H.264, preset speed); on the CPU it is a core second.
/// The figures err on the dear side: a device that can take more shows it by its utilisation, and is then given more.
/// </summary>
internal static class WorkCosts
{
    /// <summary>Pixels a second of one device before it is calibrated. NVENC did 1080p at 240 frames a second on its first generation (2012).</summary>
    public static double DefaultCapacity(string vendor, EngineKind engine) => (vendor, engine) switch
    {
        ("nvidia", EngineKind.Encode) => 400e6,
        ("nvidia", EngineKind.Decode) => 600e6,
        ("intel", EngineKind.Encode) => 300e6,
        (_, EngineKind.Encode) => 200e6,
        (_, EngineKind.Decode) => 400e6,
        _ => 1_500e6,
    };

    /// <summary>How many pixels of reference work one pixel is on an encode engine.</summary>
    public static double HardwareWeight(CodecId codec) => codec switch
    {
        CodecId.H264 => 1,
        CodecId.Hevc => 1.3,
        _ => 1.6,
    };

    public static double HardwarePresetWeight(CodecId codec, string preset) => PresetWords.Nearest(codec, preset) switch
    {
        PresetWords.Balanced => 1.5,
        PresetWords.Quality => 2.5,
        _ => 1,
    };

    /// <summary>Core seconds for a million pixels.</summary>
    public static double CpuEncode(CodecId codec, string preset)
    {
        // speed, balanced, quality; an encoder's own word counts by the nearest of them.
        var (speed, balanced, quality) = codec switch
        {
            CodecId.H264 => (0.020, 0.030, 0.060),
            CodecId.Hevc => (0.060, 0.090, 0.250),
            _ => (0.070, 0.110, 0.250),
        };
        return (PresetWords.Nearest(codec, preset), preset) switch
        {
            (_, "ultrafast" or "superfast") => speed / 2,
            (_, "slow" or "slower" or "veryslow" or "placebo") => quality * 3,
            (PresetWords.Balanced, _) => balanced,
            (PresetWords.Quality, _) => quality,
            _ => speed,
        };
    }

    public static double CpuDecode(CodecId codec) => codec == CodecId.H264 ? 0.004 : 0.006;

    /// <summary>Per pixel of the scaled picture; reading the larger one is in it.</summary>
    public const double CpuScale = 0.008;

    /// <summary>Device memory of a session: the encoder's own, and the pictures it keeps (references, look-ahead, bitstream), as 4:2:0.</summary>
    public static long SessionBytes(VideoEncoderSettings settings) => (48L << 20) + (settings.Width * (long)settings.Height * 3 / 2 * 24);

    /// <summary>A faster way to encode the same, or null where it is the fastest already.</summary>
    public static string? FasterPreset(CodecId codec, string preset) =>
        PresetWords.Nearest(codec, preset) is PresetWords.Balanced or PresetWords.Quality ? PresetWords.Speed : null;
}
