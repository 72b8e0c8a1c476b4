using System.Globalization;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Configuration;

/// <summary>
/// Every key of the configuration file, once: the binder, the range checks, the JSON Schema for editors and the test that the shipped sample
/// explains every key all read this table. Rules that join several keys are in <see cref="OptionsRules"/>.
/// </summary>
internal static class ConfigurationSchema
{
    public static readonly ScalarType EncoderKind = ScalarType.WordOf("a kind of encoder", ("nvenc", "nvenc"), ("qsv", "qsv"), ("vaapi", "vaapi"), ("software", "software"));

    private static readonly ScalarType SampleRates =
        ScalarType.WordOf("a sample rate of AAC", [.. new[] { 48000, 44100, 32000, 24000, 22050, 16000 }.Select(rate => (rate.ToString(CultureInfo.InvariantCulture), rate))]) with { Json = "integer" };

    private static readonly ObjectNode Video = new(
    [
        new("codec", new ScalarNode(ScalarType.Codec("a video codec to encode", CodecId.H264, CodecId.Hevc, CodecId.Av1, CodecId.Vp9)), null,
            "The codec to encode.", "No default: the players decide. h264 plays everywhere; hevc, av1 and vp9 need Enhanced RTMP players.", Need.Required),
        new("height", new ScalarNode(ScalarType.EvenPixels, "16", "8192"), null,
            "Pixels, even.", "Left out: from the width and the source's shape, or the source's own size where neither is given."),
        new("width", new ScalarNode(ScalarType.EvenPixels, "16", "8192"), null,
            "Pixels, even.", "Left out: from the height and the source's shape, which is kept."),
        new("bitrate", new ScalarNode(ScalarType.Bitrate, "32k", "200M"), null,
            "Bits a second of the picture.", "No default: it depends on the size and on what viewers' lines carry.", Need.Required),
        new("max_fps", new ScalarNode(ScalarType.Number, "1", "240"), null,
            "The most frames a second.", "Left out: the source's. A faster source loses frames evenly."),
        new("rate_control", new ScalarNode(ScalarType.WordOf("a rate control", ("cbr", RateControl.Cbr), ("vbr", RateControl.Vbr))), "cbr",
            "cbr holds the bitrate; vbr takes less for simple pictures.", "CDNs and thin lines plan with a constant rate."),
        new("buffer", new ScalarNode(ScalarType.Duration, "100ms", "10s"), "1s",
            "How long the rate may swing around the bitrate (VBV).", "One second is what platforms ask for: more looks better and starts later."),
        new("preset", new ScalarNode(ScalarType.Text), "speed",
            "speed, balanced or quality, or the encoder's own word.", "A live encoder that falls behind drops frames; spend spare CPU deliberately."),
        new("profile", new ScalarNode(ScalarType.Text), null,
            "The codec's profile.", "Left out: the encoder's choice, which every current player takes."),
        new("tune", new ScalarNode(ScalarType.Text), null,
            "The encoder's tune word.", "Left out: none; the right one depends on the pictures."),
        new("b_frames", new ScalarNode(ScalarType.Integer, "0", "8"), "0",
            "B-frames between two references.", "Each adds a frame of delay; 2 saves about a tenth of the bitrate."),
        new("upscale", new ScalarNode(ScalarType.Boolean), "false",
            "Make this rendition even of a smaller source.", "A larger copy costs bits and shows nothing more."),
        new("passthrough", new ScalarNode(ScalarType.Boolean), "false",
            "Hand a source that already is what this rendition asks for on without encoding.", "It costs nothing and keeps the publisher's keyframes, which then are not those of the other renditions."),
    ]);

    private static readonly ObjectNode Audio = new(
    [
        new("codec", new ScalarNode(ScalarType.Codec("an audio codec to encode", CodecId.Aac)), null,
            "The codec to encode.", "No default: it says that there is sound at all.", Need.Required),
        new("bitrate", new ScalarNode(ScalarType.Bitrate, "16k", "512k"), "128k",
            "Bits a second of the sound.", "128k stereo AAC is hard to tell from the source."),
        new("sample_rate", new ScalarNode(SampleRates), null,
            "Samples a second.", "Left out: the source's, so that nothing is resampled."),
        new("channels", new ScalarNode(ScalarType.Integer, "1", "2"), null,
            "1 or 2.", "Left out: the source's, at most 2."),
    ]);

    private static readonly ScalarType FallbackWord =
        ScalarType.WordOf("a fallback policy", ("allow", FallbackPolicy.Allow), ("reduce", FallbackPolicy.Reduce), ("forbid", FallbackPolicy.Forbid));

    private static readonly ObjectNode Rendition = new(
    [
        new("name", new ScalarNode(ScalarType.Identifier), null,
            "Unique in its ladder; becomes part of the stream's name.", "No default: viewers and dashboards see it.", Need.Required),
        new("video", Video, null, "The picture.", "Left out: sound only."),
        new("audio", Audio, null, "The sound.", "Left out: picture only. Equal settings are encoded once and shared."),
        new("priority", new ScalarNode(ScalarType.Integer, "0", "100"), "0",
            "Where encoders are short, a rendition of greater priority takes the place of a smaller one.", "All are equal until you say otherwise."),
        new("fallback", new ScalarNode(FallbackWord), null,
            "As encoders.fallback, for this rendition.", "Left out: as for all."),
    ]);

    private static readonly ObjectNode Push = new(
    [
        new("url", new ScalarNode(ScalarType.RtmpUrl), null,
            "Where to, with {app}, {stream} and {rendition}.", "No default: it is yours.", Need.Required),
        new("renditions", new ListNode(new ScalarNode(ScalarType.Identifier), Min: 1), null,
            "Which renditions, by name; the word source means the stream as published.", "Left out: the whole ladder, or the source where the app has none."),
        new("connect_timeout", new ScalarNode(ScalarType.Duration, "500ms", "1m"), "5s",
            "How long a target may take to accept the stream.", "Far targets answer within a second; a dead one should be tried again soon."),
        new("retry_min", new ScalarNode(ScalarType.Duration, "100ms", "1m"), "1s",
            "The wait after the first failure; it doubles each time, with jitter.", "A restarted target is back on air within two seconds."),
        new("retry_max", new ScalarNode(ScalarType.Duration, "1s", "10m"), "30s",
            "The longest wait between attempts, which go on for ever.", "A target that was down all night is found within half a minute."),
        new("lag", new ScalarNode(ScalarType.Duration, "500ms", "1m"), "8s",
            "How far this target may fall behind before packets are dropped up to a keyframe.", "A target's hiccup costs no picture; a slow one touches nothing else."),
        new("tls", AccessSchema.PushTls, null, "Which certificates of an rtmps target are trusted.", "Left out: those of the system's roots."),
    ]);

    private static readonly ObjectNode App = new(
    [
        new("ladder", new ScalarNode(ScalarType.Identifier), null,
            "The ladder that each stream of this app gets.", "Left out: streams are relayed as they come and nothing is encoded."),
        new("keyframe_interval", new ScalarNode(ScalarType.Duration, "500ms", "20s"), "2s",
            "Distance of keyframes in all renditions, which lie at the same times.", "Two seconds is what HLS segments and CDNs ask for."),
        new("reconnect_grace", new ScalarNode(ScalarType.Duration, "0s", "10m"), "10s",
            "How long a stream waits for its publisher to come back before it ends.", "Encoders reconnect within five seconds; players and renditions stay meanwhile."),
        new("publish", new ObjectNode(
        [
            .. AccessSchema.Credentials,
            new("takeover", new ScalarNode(ScalarType.WordOf("a takeover policy", ("when_silent", TakeoverPolicy.WhenSilent), ("always", TakeoverPolicy.Always), ("never", TakeoverPolicy.Never))), "when_silent",
                "When a second publisher with a valid key may replace the first: when_silent, always or never.", "A frozen encoder must not lock its successor out, and a live one must not be cut off by mistake."),
            new("silence_timeout", new ScalarNode(ScalarType.Duration, "1s", "5m"), "3s",
                "A publisher that sent nothing for so long is silent.", "No encoder pauses that long, and OBS comes back after two seconds and four."),
        ]), null, "Who may publish: with one of these or with on_publish, only who brings what is asked for.", "Left out: anyone, with a warning."),
        new("play", AccessSchema.Play, null, "Who may play, in the same ways.", "Left out: anyone, as is usual for viewers."),
        new("hooks", AccessSchema.Hooks, null, "HTTP calls: a POST with JSON that says who publishes or plays what.", "Left out: none."),
        new("gop_cache", new ObjectNode(
        [
            new("duration", new ScalarNode(ScalarType.Duration, "2s", "2m"), "30s",
                "As time; whichever limit comes first counts.", "Two GOPs of the longest that encoders make by themselves (10 s), and some more."),
            new("size", new ScalarNode(ScalarType.Size, "1MiB", "512MiB"), "32MiB",
                "As memory.", "Twenty seconds of 12 Mbit/s; a stream that never sends a keyframe can't eat more."),
        ]), null, "What is kept of a stream: the newest two GOPs, within these limits.", "A new player starts with a keyframe at once, and a new worker resumes from one."),
        new("player_lag", new ScalarNode(ScalarType.Duration, "500ms", "1m"), "5s",
            "How far a player may fall behind before it loses packets up to a keyframe.", "A slow player loses pictures of its own and never slows the stream."),
        new("latency", new ScalarNode(ScalarType.WordOf("a latency", ("low", LatencyPolicy.Low), ("balanced", LatencyPolicy.Balanced), ("throughput", LatencyPolicy.Throughput))), "balanced",
            "What viewers' delay may be spent on: low sends each packet at once, balanced lets a picture and a sound that come within 7 ms leave together, throughput sends three times a second.",
            "Nobody notices balanced, and it saves a fifth of the CPU; throughput saves most of it, for at most 350 ms."),
        new("push", new ListNode(Push), "[]", "Where the streams of this app are pushed to.", "Nothing leaves unasked."),
    ]);

    public static readonly ObjectNode Root = new(
    [
        new("server", new ObjectNode(
        [
            new("rtmp", new ObjectNode(
            [
                new("listen", new ScalarNode(ScalarType.Endpoint), "0.0.0.0:1935",
                    "Address and port of the RTMP server.", "1935 is RTMP's port; encoders come from outside."),
                new("max_connections", new ScalarNode(ScalarType.Integer, "1", "100000"), "2000",
                    "Publishers and players together.", "Each takes a file descriptor, and the usual limit of a service leaves room for these."),
                new("handshake_timeout", new ScalarNode(ScalarType.Duration, "1s", "1m"), "10s",
                    "How long a client may take until its connect call.", "The slowest mobile line needs three; a scanner should not hold a place."),
                new("idle_timeout", new ScalarNode(ScalarType.Duration, "5s", "10m"), "30s",
                    "How long a connection may neither publish nor play.", "Encoders that only test the login go within seconds."),
                new("write_timeout", new ScalarNode(ScalarType.Duration, "1s", "2m"), "15s",
                    "How long a client may take nothing from us.", "Longer than a handover between cells; after it the client is gone."),
                new("max_message_size", new ScalarNode(ScalarType.Size, "64KiB", "16383KiB"), "8MiB",
                    "The largest RTMP message, one coded picture.", "A keyframe of 2160p at 100 Mbit/s is under 4 MiB."),
                new("reconnect_to", new ScalarNode(ScalarType.RtmpServer), null,
                    "Where clients that understand it are sent when this server stops; one that ends in / gets the client's own app behind it.", "Left out: to the address they have, where the next server will be."),
            ]), null, "The RTMP server.", "Left out: all of its defaults."),
            new("rtmps", AccessSchema.Rtmps, null, "The RTMP server behind TLS 1.2 or 1.3; the limits of rtmp hold for both together.", "Left out: no such port."),
            new("limits", AccessSchema.Limits, null, "What a flood may take.", "Left out: all of its defaults."),
            new("http", new ObjectNode(
            [
                new("listen", new ScalarNode(ScalarType.Endpoint with { Example = "127.0.0.1:8080" }), "127.0.0.1:8080",
                    "Address and port of the API and the metrics.", "This machine only: the API has no password, so opening it is your decision."),
            ]), null, "The HTTP server.", "Left out: all of its defaults."),
            new("drain_timeout", new ScalarNode(ScalarType.Duration, "0s", "5m"), "5s",
                "How long a stop still serves those whom it has asked to go elsewhere (Enhanced RTMP's reconnect request); at most half of shutdown_timeout.",
                "They go over at their next keyframe, mostly 2 seconds apart. Where nobody understands it nobody is waited for."),
            new("shutdown_timeout", new ScalarNode(ScalarType.Duration, "1s", "5m"), "10s",
                "How long a stop waits for streams to end in order.", "Push targets get the last pictures; systemd kills only after 90 seconds."),
        ]), null, "What the daemon listens on.", "Left out: all of its defaults."),
        new("naming", new ObjectNode(
        [
            new("rendition", new ScalarNode(ScalarType.RenditionTemplate), "\"{stream}_{rendition}\"",
                "The stream name of a rendition.", "Players find cam1's 720p at cam1_720p. Such a name can't be published."),
        ]), null, "How things are called.", "Left out: all of its defaults."),
        new("ladders", new NamedNode("ladder", new ListNode(Rendition, Min: 1, Max: 32)), null,
            "Ladders by name: lists of renditions.", "Left out: nothing is encoded."),
        new("apps", new NamedNode("app", App, Min: 1), null,
            "Applications by name: the first part of a stream's address.", "No default: without one nobody could publish.", Need.Required),
        new("encoders", new ObjectNode(
        [
            new("order", new ListNode(new ScalarNode(EncoderKind), Min: 1), "[nvenc, qsv, vaapi, software]",
                "Kinds of encoders in the order to try.", "Hardware first where there is any; software always works."),
            new("fallback", new ScalarNode(FallbackWord), "allow",
                "What to do when the first kind has no place: allow the next one, reduce first (faster preset, then half the frame rate), or forbid it.",
                "A picture from a slower encoder is better than none."),
            new("cpu_budget", new ScalarNode(ScalarType.Number, "0.1", "1024"), null,
                "Cores that decoding, scaling and software encoding may take together.", "Left out: no limit; when cores are short every stream loses frames a little."),
            new("state_file", new ScalarNode(ScalarType.Text), null,
                "Where the session limits and speeds that were learned are kept.", "Left out: state.json in the service's state directory; without such a directory they are learned again after each start."),
            new("calibration_file", new ScalarNode(ScalarType.Text), "/var/lib/transcoder/calibration.json",
                "What transcoder calibrate has measured.", "Where that verb writes it; without it careful estimates are used."),
        ]), null, "Which encoders to use.", "Left out: all of its defaults."),
        new("workers", new ObjectNode(
        [
            new("spare", new ScalarNode(ScalarType.Integer, "0", "16"), "1",
                "Worker processes kept warm for the next stream.", "One hides the process start (0.2 s) for about 30 MB of memory."),
            new("start_timeout", new ScalarNode(ScalarType.Duration, "1s", "2m"), "30s",
                "How long a worker may take to report in.", "Cold start on a loaded machine takes two seconds."),
            new("hang_timeout", new ScalarNode(ScalarType.Duration, "2s", "5m"), "6s",
                "A worker that reported nothing for so long is killed and replaced.", "It reports each second; drivers that stall for less do recover."),
            new("restart_delay_max", new ScalarNode(ScalarType.Duration, "1s", "10m"), "10s",
                "The longest wait before a worker that keeps dying is started again; the first restart is at once.", "A stream that kills each worker must not eat the machine."),
        ]), null, "The processes that decode and encode.", "Left out: all of its defaults."),
        new("log", new ObjectNode(
        [
            new("level", new ScalarNode(ScalarType.WordOf("a log level",
                ("error", LogLevel.Error), ("warning", LogLevel.Warning), ("information", LogLevel.Information), ("debug", LogLevel.Debug), ("trace", LogLevel.Trace))), "information",
                "The least that is logged: error, warning, information, debug or trace.", "One line when a thing opens and one when it ends, with its reason."),
        ]), null, "What is written to the log.", "Left out: all of its defaults."),
    ]);
}
