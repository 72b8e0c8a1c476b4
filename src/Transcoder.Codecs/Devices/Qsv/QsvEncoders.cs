using Transcoder.Codecs.Native;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Qsv;

/// <summary>
/// Intel Quick Sync through FFmpeg. <c>async_depth=1</c>, or pictures are held back. FFmpeg has no word for its rate control: equal average and greatest
/// rates are CBR, an average below the greatest is VBR.
/// </summary>
internal static class QsvEncoders
{
    public static readonly IReadOnlyList<VideoEncoderRow> Video =
    [
        Row(CodecId.H264, "h264_qsv") with
        {
            Profiles = VideoEncoderRow.Same("profile", "baseline", "main", "high"),
            DefaultProfile = "high",
            WithoutBFrames = ["look_ahead=0", "adaptive_i=0"],
            WithBFrames = ["look_ahead=0", "adaptive_i=0", "adaptive_b=0"],
        },
        Row(CodecId.Hevc, "hevc_qsv") with { Profiles = VideoEncoderRow.Same("profile", "main"), DefaultProfile = "main" },
        Row(CodecId.Vp9, "vp9_qsv") with { Profiles = VideoEncoderRow.OnlyProfile("0") },
        Row(CodecId.Av1, "av1_qsv") with { IsOfLaterFFmpeg = true },
    ];

    private static VideoEncoderRow Row(CodecId codec, string name) => new(codec, name)
    {
        Words = new Dictionary<string, string> { ["speed"] = "veryfast", ["balanced"] = "medium", ["quality"] = "slower" },
        Preset = "preset={word}",
        PixelFormat = "nv12",
        Profiles = VideoEncoderRow.OnlyProfile("main"),
        Tunes = new Dictionary<string, string> { ["zerolatency"] = "" },
        Always = ["maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "async_depth=1"],
        Cbr = ["b={bitrate}"],
        Vbr = ["b={bitrate_below}"],
        WithoutBFrames = [],
        WithBFrames = [],
        WhereDeclared = ["forced_idr=1"],

        // hevc_qsv of FFmpeg 5.1 makes a forced keyframe a plain I picture.
        RestartsAtKeyframes = Shim.EncoderExists(name) == 1 && Shim.EncoderDeclares(name, "forced_idr", null) == 0,
    };
}
