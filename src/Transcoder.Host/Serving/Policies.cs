using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media.Time;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Streams;
using Transcoder.Streams.Feeds;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Workers;

namespace Transcoder.Host.Serving;

/// <summary>Turns the operator's words into what the rooms behind ask for.</summary>
internal static class Policies
{
    // A reader that jumps must find something to jump over: the ring is kept a little longer than anyone may lag.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan TranscoderReach = new FeedLimits().TranscoderLag.ToTimeSpan() + TimeSpan.FromSeconds(2);

    /// <summary>By the application's name. Made once: each player asks for its own.</summary>
    public static Dictionary<string, AppPolicy> OfApps(TranscoderOptions options) =>
        options.Apps.ToDictionary(app => app.Key, app => Of(options, app.Value), StringComparer.Ordinal);

    public static WorkerPolicy Of(WorkerOptions workers) => new(workers.Spare, workers.StartTimeout, workers.HangTimeout, workers.RestartDelayMax);

    public static PlacementPolicy Of(EncoderOptions encoders) => new(encoders.Order, encoders.Fallback, encoders.CpuBudget);

    /// <summary>Every push list of every application, in the order of the file.</summary>
    public static IReadOnlyList<PushTarget> PushTargets(TranscoderOptions options) =>
        [.. options.Apps.SelectMany(app => app.Value.Push.Select(push => Of(app.Key, push)))];

    /// <summary>What is left of a stop's time is for streams to end in order.</summary>
    public static TimeSpan DrainTime(ServerOptions server) =>
        server.DrainTimeout < server.ShutdownTimeout / 2 ? server.DrainTimeout : server.ShutdownTimeout / 2;

    public static RtmpOptions RtmpOf(TranscoderOptions options)
    {
        // A token's keys are fetched, then the hook is asked, as patiently as it says, then a player waits for its stream.
        var hooks = options.Apps.Values.Select(app => HookCaller.Patience(app.Hooks)).Max();
        return Of(options.Server.Rtmp) with { AdmissionTimeout = TokenKeySet.FetchTimeout + hooks + new AppPolicy().PlayWait + Margin };
    }

    private static RtmpOptions Of(RtmpListenOptions rtmp) => new()
    {
        MaxConnections = rtmp.MaxConnections,
        HandshakeTimeout = rtmp.HandshakeTimeout,
        StartTimeout = rtmp.IdleTimeout,
        WriteTimeout = rtmp.WriteTimeout,
        MaxMessageSize = rtmp.MaxMessageSize,
        MaxPartialBytes = rtmp.MaxMessageSize + (rtmp.MaxMessageSize / 2),
    };

    private static PushTarget Of(string app, PushOptions push) => new()
    {
        App = app,
        Takes = name => push.Renditions.Contains(name.IsRendition ? name.Rendition : PushOptions.SourceName),
        Url = name => push.Url.For(name.App, name.Source, RenditionWord(name)),
        Display = name => push.Url.ForDisplay(name.App, name.Source, RenditionWord(name)),
        ConnectTimeout = push.ConnectTimeout,
        RetryMin = push.RetryMin,
        RetryMax = push.RetryMax,
        Lag = push.Lag,
        Trust = new TlsTrust(push.Tls.Pin, push.Tls.CaFile),
    };

    private static string RenditionWord(StreamName name) => name.IsRendition ? name.Rendition : PushOptions.SourceName;

    private static AppPolicy Of(TranscoderOptions options, AppOptions app)
    {
        // However patient the players are, a new worker must find what the last one had not sent: its lag and the time of its replacement.
        var longest = app.Push.Select(push => push.Lag).Append(app.PlayerLag).Append(TranscoderReach).Max() + Margin;
        return new AppPolicy
        {
            Ladder = options.LadderOf(app),
            RenditionTemplate = options.Naming.Rendition.Template,
            KeyframeInterval = MediaTime.FromTimeSpan(app.KeyframeInterval),
            ReconnectGrace = app.ReconnectGrace,
            TakeoverAfter = app.Publish.Takeover switch
            {
                TakeoverPolicy.Always => TimeSpan.Zero,
                TakeoverPolicy.Never => TimeSpan.MaxValue,
                _ => app.Publish.SilenceTimeout,
            },
            Limits = new FeedLimits
            {
                Keep = MediaTime.FromTimeSpan(longest),
                KeepAtMost = MediaTime.FromTimeSpan(longest > app.GopCache.Duration ? longest : app.GopCache.Duration),

                // Players and push targets begin at the newest keyframe in any case.
                UnreadAfter = options.LadderOf(app).Count > 0 ? MediaTime.FromTimeSpan(longest) : MediaTime.Zero,
                MaxBytes = app.GopCache.Size,
                Pace = app.Latency switch
                {
                    LatencyPolicy.Low => FeedPace.Low,
                    LatencyPolicy.Throughput => FeedPace.Throughput,
                    _ => FeedPace.Balanced,
                },
                SubscriberLag = MediaTime.FromTimeSpan(app.PlayerLag),
            },
        };
    }
}
