using System.Globalization;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Jobs;

/// <summary>
/// The presets that every encoder has: speed, balanced and quality. The words of x264 and x265 and the numbers of libvpx and SVT-AV1 are those encoders' own;
/// an encoder without them takes the nearest of the three.
/// </summary>
public static class PresetWords
{
    public const string Speed = "speed";
    public const string Balanced = "balanced";
    public const string Quality = "quality";

    /// <returns>One of the three; null: no word of any encoder for this codec.</returns>
    public static string? Nearest(CodecId codec, string word) => (codec, word) switch
    {
        (_, Speed or Balanced or Quality) => word,
        (CodecId.H264 or CodecId.Hevc, "ultrafast" or "superfast" or "veryfast") => Speed,
        (CodecId.H264 or CodecId.Hevc, "faster" or "fast") => Balanced,
        (CodecId.H264 or CodecId.Hevc, "medium" or "slow" or "slower" or "veryslow" or "placebo") => Quality,

        // Of the live encoders' numbers the greatest is the fastest: 8 and 12 are what speed means to libvpx and SVT-AV1.
        (CodecId.Vp9, _) when Number(word) is { } number => number >= 8 ? Speed : number >= 6 ? Balanced : Quality,
        (CodecId.Av1, _) when Number(word) is { } number => number >= 11 ? Speed : number >= 9 ? Balanced : Quality,
        _ => null,
    };

    private static int? Number(string word) => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
