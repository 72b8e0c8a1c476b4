using Transcoder.Media.Tracks;

namespace Transcoder.Host.Configuration;

/// <summary>The words that each codec's encoders take for preset, profile and tune, as FFmpeg spells them.</summary>
internal static class CodecWords
{
    /// <summary>Presets that mean the same for every encoder.</summary>
    private static readonly string[] Presets = ["speed", "balanced", "quality"];

    private static readonly string[] X26x = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

    public static IReadOnlyList<string> PresetsOf(CodecId codec) => codec switch
    {
        CodecId.H264 or CodecId.Hevc => [.. Presets, .. X26x],
        CodecId.Av1 => [.. Presets, .. Numbers(13)],
        CodecId.Vp9 => [.. Presets, .. Numbers(9)],
        _ => Presets,
    };

    public static IReadOnlyList<string> ProfilesOf(CodecId codec) => codec switch
    {
        CodecId.H264 => ["baseline", "main", "high"],
        CodecId.Hevc or CodecId.Av1 => ["main"],
        CodecId.Vp9 => ["0"],
        _ => [],
    };

    public static IReadOnlyList<string> TunesOf(CodecId codec) => codec switch
    {
        CodecId.H264 => ["film", "animation", "grain", "stillimage", "psnr", "ssim", "fastdecode", "zerolatency"],
        CodecId.Hevc => ["animation", "grain", "psnr", "ssim", "fastdecode", "zerolatency"],
        CodecId.Vp9 => ["screen", "film"],
        _ => [],
    };

    private static IEnumerable<string> Numbers(int last) => Enumerable.Range(0, last + 1).Select(n => n.ToString(System.Globalization.CultureInfo.InvariantCulture));
}
