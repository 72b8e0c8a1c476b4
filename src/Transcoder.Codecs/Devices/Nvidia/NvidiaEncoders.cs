using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Nvidia;

/// <summary>
/// NVENC through FFmpeg. Common to all: a forced keyframe is an IDR; no scene cuts, no look-ahead; <c>delay=0</c>, or FFmpeg holds back as many pictures
/// as it has surfaces; B-frames are always stated, or the preset chooses them.
/// </summary>
internal static class NvidiaEncoders
{
    public static readonly IReadOnlyList<VideoEncoderRow> Video =
    [
        Row(CodecId.H264, "h264_nvenc") with { Profiles = VideoEncoderRow.Same("profile", "baseline", "main", "high"), DefaultProfile = "high" },
        Row(CodecId.Hevc, "hevc_nvenc") with { Profiles = VideoEncoderRow.Same("profile", "main"), DefaultProfile = "main" },
        Row(CodecId.Av1, "av1_nvenc") with { IsOfLaterFFmpeg = true },
    ];

    private static VideoEncoderRow Row(CodecId codec, string name) => new(codec, name)
    {
        Words = new Dictionary<string, string> { ["speed"] = "p1", ["balanced"] = "p4", ["quality"] = "p6" },
        Preset = "preset={word}",
        PixelFormat = "nv12",
        Profiles = VideoEncoderRow.OnlyProfile("main"),

        // Without B-frames it is as low as can be; x264's other tunes are about its own decisions.
        Tunes = new Dictionary<string, string> { ["zerolatency"] = "" },
        Always =
        [
            "b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "forced-idr=1", "delay=0", "rc-lookahead=0", "no-scenecut=1",
            "b_ref_mode=disabled",
        ],
        Cbr = ["rc=cbr"],
        Vbr = ["rc=vbr"],
        WithoutBFrames = ["tune=ll", "zerolatency=1"],
        WithBFrames = ["tune=hq"],

        // Filler up to the rate, as CDNs ask for; FFmpeg 5.1 cannot ask NVENC for it.
        WhereDeclared = ["cbr_padding=1"],
    };
}
