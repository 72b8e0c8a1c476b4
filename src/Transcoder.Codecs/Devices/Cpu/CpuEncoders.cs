using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Cpu;

/// <summary>
/// The software encoders. Common to all: keyframes come from the grid alone (no scene cuts; the GOP length is a safety net), a forced keyframe is an
/// IDR, GOPs are closed, headers are in the track and not in the stream, and without B-frames nothing looks ahead.
/// </summary>
internal static class CpuEncoders
{
    private static readonly string[] X26xPresets =
        ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

    public static readonly IReadOnlyList<VideoEncoderRow> Video =
    [
        new(CodecId.H264, "libx264")
        {
            Words = Words("veryfast", "faster", "medium"),
            OwnPresets = X26xPresets,
            Preset = "preset={word}",
            Profiles = VideoEncoderRow.Same("profile", "baseline", "main", "high"),
            DefaultProfile = "high",
            Tunes = VideoEncoderRow.Same("tune", "film", "animation", "grain", "stillimage", "psnr", "ssim", "fastdecode", "zerolatency"),
            Always =
            [
                "b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "sc_threshold=0", "forced-idr=1", "flags=+cgop",

                // Frame threads cost a frame of delay each, slice threads cost picture quality: so as few frame threads as real time takes.
                "threads={threads}",

                // Rate control by the nominal rate: with the true times x264 holds every frame back until the next one says how long it lasted.
                "x264-params=force-cfr=1:sliced-threads=0:sync-lookahead=0",
            ],
            Cbr = ["nal-hrd=cbr"],
            Vbr = [],
            WithoutBFrames = ["rc-lookahead=0", "mbtree=0"],
            WithBFrames = ["rc-lookahead={lookahead}"],
            PixelsPerThread = 60_000_000,
        },
        new(CodecId.Hevc, "libx265")
        {
            Words = Words("superfast", "veryfast", "medium"),
            OwnPresets = X26xPresets,
            Preset = "preset={word}",
            Profiles = VideoEncoderRow.Same("profile", "main"),
            DefaultProfile = "main",
            Tunes = VideoEncoderRow.Same("tune", "animation", "grain", "psnr", "ssim", "fastdecode", "zerolatency"),
            Always =
            [
                "b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "bf={bframes}", "forced-idr=1", "flags=+cgop",

                // One frame thread for no delay; the pool's threads share each picture by wavefront.
                "threads=1",
                "x265-params=pools={threads}:scenecut=0:open-gop=0:repeat-headers=0:log-level=error",
            ],
            Cbr = ["x265-params=strict-cbr=1:hrd=1"],
            Vbr = [],
            WithoutBFrames = ["x265-params=rc-lookahead=0:b-adapt=0:cutree=0"],
            WithBFrames = ["x265-params=rc-lookahead={lookahead}"],
            PixelsPerThread = 20_000_000,
        },
        new(CodecId.Vp9, "libvpx-vp9")
        {
            Words = Words("8", "7", "5"),
            OwnPresets = ["5", "6", "7", "8"],
            Preset = "cpu-used={word}",
            Profiles = VideoEncoderRow.OnlyProfile("0"),
            Tunes = VideoEncoderRow.Same("tune-content", "screen", "film"),
            Always =
            [
                "b={bitrate}", "maxrate={bitrate}", "bufsize={buffer}", "g={gop}", "deadline=realtime", "lag-in-frames=0", "auto-alt-ref=0",
                "row-mt=1", "tile-columns={tile_columns}", "aq-mode=3", "error-resilient=0", "static-thresh=0", "threads={threads}",
            ],

            // libvpx takes equal least and greatest rates for CBR; it has no filler.
            Cbr = ["minrate={bitrate}"],
            Vbr = [],

            // VP9 has no B-frames; its like, alternate references, needs look-ahead.
            WithoutBFrames = [],
            WithBFrames = [],
            PixelsPerThread = 20_000_000,
        },
        new(CodecId.Av1, "libsvtav1")
        {
            RestartsAtKeyframes = true,
            Words = Words("12", "10", "8"),
            OwnPresets = ["7", "8", "9", "10", "11", "12", "13"],
            Preset = "preset={word}",
            Profiles = VideoEncoderRow.OnlyProfile("main"),
            Always =
            [
                "b={bitrate}", "g={gop}", "bufsize={buffer}",

                // Low-delay prediction: the only structure SVT-AV1 holds a constant rate with, and no look-ahead. No maxrate: 1.4 refuses one
                // that is not above the target, and has no filler either, so both rate controls are this one.
                "svtav1-params=pred-struct=1:rc=2:buf-sz={buffer_ms}:lp={threads}:scd=0",
            ],
            Cbr = [],
            Vbr = [],
            WithoutBFrames = [],
            WithBFrames = [],
            PixelsPerThread = 20_000_000,
        },
    ];

    public static readonly IReadOnlyList<AudioEncoderRow> Audio =
    [
        new(CodecId.Aac, "aac", "fltp", []),
        new(CodecId.Opus, "libopus", "flt", ["application=audio", "frame_duration=20", "vbr=constrained"]),
    ];

    private static Dictionary<string, string> Words(string speed, string balanced, string quality) =>
        new() { ["speed"] = speed, ["balanced"] = balanced, ["quality"] = quality };
}
