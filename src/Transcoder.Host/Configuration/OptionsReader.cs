using System.Net;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Configuration;

/// <summary>Makes the options of a file that was found to be free of errors.</summary>
internal static class OptionsReader
{
    public static TranscoderOptions Read(BoundMap root)
    {
        var ladders = root.MapOrNull("ladders")?.Values.Select(l => KeyValuePair.Create(l.Key, new ValueList<RenditionSpec>(((BoundList)l.Value).Items.Cast<BoundMap>().Select(Rendition))));
        var byName = ladders is null ? ValueMap<ValueList<RenditionSpec>>.Empty : new ValueMap<ValueList<RenditionSpec>>(ladders);
        var server = root.Map("server");
        var workers = root.Map("workers");
        return new TranscoderOptions(
            new ServerOptions(Rtmp(server.Map("rtmp")), new HttpListenOptions(server.Map("http").Value<IPEndPoint>("listen")), server.Value<TimeSpan>("shutdown_timeout"))
            {
                Rtmps = server.MapOrNull("rtmps") is { } rtmps ? AccessReader.Rtmps(rtmps) : null,
                Limits = AccessReader.Limits(server.Map("limits")),
                DrainTimeout = server.Value<TimeSpan>("drain_timeout"),
            },
            new NamingOptions(root.Map("naming").Value<RenditionNaming>("rendition")),
            byName,
            new ValueMap<AppOptions>(root.Map("apps").Values.Select(a => KeyValuePair.Create(a.Key, App((BoundMap)a.Value, byName)))),
            Encoders(root.Map("encoders")),
            new WorkerOptions(workers.Value<int>("spare"), workers.Value<TimeSpan>("start_timeout"), workers.Value<TimeSpan>("hang_timeout"), workers.Value<TimeSpan>("restart_delay_max")),
            new LogOptions(root.Map("log").Value<LogLevel>("level")));
    }

    private static RtmpListenOptions Rtmp(BoundMap rtmp) => new(
        rtmp.Value<IPEndPoint>("listen"),
        rtmp.Value<int>("max_connections"),
        rtmp.Value<TimeSpan>("handshake_timeout"),
        rtmp.Value<TimeSpan>("idle_timeout"),
        rtmp.Value<TimeSpan>("write_timeout"),
        rtmp.Value<int>("max_message_size"))
    { ReconnectTo = rtmp.Get<string>("reconnect_to") };

    private static EncoderOptions Encoders(BoundMap encoders) => new(
        Texts(encoders, "order"),
        encoders.Value<FallbackPolicy>("fallback"),
        encoders.Has("cpu_budget") ? encoders.Get<double>("cpu_budget") : null,
        encoders.Get<string>("state_file"),
        encoders.Value<string>("calibration_file"));

    private static RenditionSpec Rendition(BoundMap rung) => new(
        rung.Value<string>("name"),
        rung.MapOrNull("video") is { } video ? Video(video) : null,
        rung.MapOrNull("audio") is { } audio ? Audio(audio) : null,
        rung.Value<int>("priority"),
        rung.Has("fallback") ? rung.Get<FallbackPolicy>("fallback") : null);

    private static VideoSpec Video(BoundMap video) => new(
        video.Value<CodecId>("codec"),
        video.Get<int>("width"),
        video.Get<int>("height"),
        video.Value<int>("bitrate"),
        video.Get<double>("max_fps"),
        video.Value<RateControl>("rate_control"),
        (int)video.Value<TimeSpan>("buffer").TotalMilliseconds,
        video.Value<string>("preset"),
        video.Get<string>("profile") ?? string.Empty,
        video.Get<string>("tune") ?? string.Empty,
        video.Value<int>("b_frames"),
        video.Value<bool>("upscale"),
        video.Value<bool>("passthrough"));

    private static AudioSpec Audio(BoundMap audio) => new(
        audio.Value<CodecId>("codec"),
        audio.Value<int>("bitrate"),
        audio.Get<int>("sample_rate"),
        audio.Get<int>("channels"));

    private static AppOptions App(BoundMap app, ValueMap<ValueList<RenditionSpec>> ladders)
    {
        var ladder = app.Get<string>("ladder");
        IReadOnlyList<string> rungs = ladder is null ? [] : [.. ladders[ladder].Select(r => r.Name)];
        var publish = app.Map("publish");
        return new AppOptions(
            ladder,
            app.Value<TimeSpan>("keyframe_interval"),
            app.Value<TimeSpan>("reconnect_grace"),
            new PublishOptions(AccessReader.Access(publish), publish.Value<TakeoverPolicy>("takeover"), publish.Value<TimeSpan>("silence_timeout")),
            new CacheLimits(app.Map("gop_cache").Value<TimeSpan>("duration"), app.Map("gop_cache").Value<int>("size")),
            app.Value<TimeSpan>("player_lag"),
            app.Value<LatencyPolicy>("latency"),
            new ValueList<PushOptions>(app.List("push").Cast<BoundMap>().Select(push => new PushOptions(
                push.Value<PushUrl>("url"),
                new ValueList<string>(OptionsRules.Pushed(push, rungs)),
                push.Value<TimeSpan>("connect_timeout"),
                push.Value<TimeSpan>("retry_min"),
                push.Value<TimeSpan>("retry_max"),
                push.Value<TimeSpan>("lag"))
            { Tls = AccessReader.PushTls(push.MapOrNull("tls")) })))
        {
            Play = AccessReader.Access(app.Map("play")),
            Hooks = AccessReader.Hooks(app.Map("hooks")),
        };
    }

    private static ValueList<string> Texts(BoundMap map, string key) => new(map.List(key).Cast<BoundScalar>().Select(item => (string)item.Value!));
}
