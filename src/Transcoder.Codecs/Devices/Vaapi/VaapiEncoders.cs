using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Vaapi;

/// <summary>
/// VA-API through FFmpeg. Common to all: a forced keyframe is an IDR by itself; <c>async_depth=1</c>, or a picture is held back.
/// </summary>
internal static class VaapiEncoders
{
    /// <summary>Intel's driver: from 1, the best, to 7, the fastest; FFmpeg takes the end of a range that is smaller.</summary>
    public static readonly IReadOnlyList<VideoEncoderRow> Intel = Rows(speed: "7", balanced: "4", quality: "1");

    /// <summary>
    /// AMD's, Mesa's radeonsi, reads the level as bits: 0 says that the others count, 1 and 2 are the preset (0 speed, 1 balance, 2 quality, 3 high quality, for AV1
    /// alone), 3 is a pass before encoding, 4 is adaptive quantisation; 0 by itself is speed without either (vlVaHandleVAEncMiscParameterTypeQualityLevel in
    /// src/gallium/frontends/va/picture.c). So 7, Intel's fastest, is the slowest here.
    /// </summary>
    public static readonly IReadOnlyList<VideoEncoderRow> Amd = Rows(speed: "0", balanced: "3", quality: "5");

    private static VideoEncoderRow[] Rows(string speed, string balanced, string quality)
    {
        return
        [
            Row(CodecId.H264, "h264_vaapi") with
            {
                // Baseline without what no hardware codes.
                Profiles = new Dictionary<string, string>(VideoEncoderRow.Same("profile", "main", "high")) { ["baseline"] = "profile=constrained_baseline" },
                DefaultProfile = "high",
            },
            Row(CodecId.Hevc, "hevc_vaapi") with { Profiles = VideoEncoderRow.Same("profile", "main"), DefaultProfile = "main" },
            Row(CodecId.Vp9, "vp9_vaapi") with { Profiles = VideoEncoderRow.OnlyProfile("0") },
            Row(CodecId.Av1, "av1_vaapi") with { IsOfLaterFFmpeg = true },
        ];

        VideoEncoderRow Row(CodecId codec, string name) => new(codec, name)
        {
            Words = new Dictionary<string, string> { [PresetWords.Speed] = speed, [PresetWords.Balanced] = balanced, [PresetWords.Quality] = quality },
            Preset = "compression_level={word}",
            PixelFormat = "nv12",
            Profiles = VideoEncoderRow.OnlyProfile("main"),
            Tunes = new Dictionary<string, string> { ["zerolatency"] = "" },
            Always = ["b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "idr_interval=0", "async_depth=1"],
            Cbr = ["rc_mode=CBR"],
            Vbr = ["rc_mode=VBR"],
            WithoutBFrames = [],
            WithBFrames = [],
        };
    }
}
