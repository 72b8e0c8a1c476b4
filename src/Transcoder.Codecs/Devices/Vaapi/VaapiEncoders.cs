using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Vaapi;

/// <summary>
/// VA-API through FFmpeg: Intel and AMD. Common to all: a forced keyframe is an IDR by itself; <c>async_depth=1</c>, or a picture is held back.
/// </summary>
internal static class VaapiEncoders
{
    public static readonly IReadOnlyList<VideoEncoderRow> Video =
    [
        Row(CodecId.H264, "h264_vaapi") with { Profile = "profile={word}", DefaultProfile = "high" },
        Row(CodecId.Hevc, "hevc_vaapi") with { Profile = "profile={word}", DefaultProfile = "main" },
        Row(CodecId.Vp9, "vp9_vaapi"),
        Row(CodecId.Av1, "av1_vaapi") with { IsOfLaterFFmpeg = true },
    ];

    private static VideoEncoderRow Row(CodecId codec, string name) => new(codec, name)
    {
        // Higher is faster; the driver's own range is smaller, and FFmpeg takes its end.
        Words = new Dictionary<string, string> { ["speed"] = "7", ["balanced"] = "4", ["quality"] = "1" },
        OwnPresets = ["1", "2", "3", "4", "5", "6", "7"],
        Preset = "compression_level={word}",
        PixelFormat = "nv12",
        Always = ["b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "idr_interval=0", "async_depth=1"],
        Cbr = ["rc_mode=CBR"],
        Vbr = ["rc_mode=VBR"],
        WithoutBFrames = [],
        WithBFrames = [],
    };
}
