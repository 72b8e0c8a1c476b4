using System.Net;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Jobs;

namespace Transcoder.Host.Configuration;

/// <summary>The whole configuration file, checked. What each key means, its unit, range and reason stand in <see cref="ConfigurationSchema"/>.</summary>
internal sealed record TranscoderOptions(
    ServerOptions Server,
    NamingOptions Naming,
    ValueMap<ValueList<RenditionSpec>> Ladders,
    ValueMap<AppOptions> Apps,
    EncoderOptions Encoders,
    WorkerOptions Workers,
    LogOptions Log)
{
    /// <summary>The renditions that a stream of this app gets; none where the app has no ladder.</summary>
    public ValueList<RenditionSpec> LadderOf(AppOptions app) => app.Ladder is { } name ? Ladders[name] : ValueList<RenditionSpec>.Empty;
}

internal sealed record ServerOptions(RtmpListenOptions Rtmp, HttpListenOptions Http, TimeSpan ShutdownTimeout)
{
    /// <summary>Null: no such port.</summary>
    public RtmpsListenOptions? Rtmps { get; init; }

    public required LimitOptions Limits { get; init; }

    /// <summary>How long those who were asked to go elsewhere are served on.</summary>
    public TimeSpan DrainTimeout { get; init; }
}

/// <param name="MaxMessageSize">Bytes.</param>
internal sealed record RtmpListenOptions(
    IPEndPoint Listen,
    int MaxConnections,
    TimeSpan HandshakeTimeout,
    TimeSpan IdleTimeout,
    TimeSpan WriteTimeout,
    int MaxMessageSize)
{
    /// <summary>Null: they come back to the address they have.</summary>
    public string? ReconnectTo { get; init; }
}

internal sealed record HttpListenOptions(IPEndPoint Listen);

internal sealed record NamingOptions(RenditionNaming Rendition);

/// <param name="Ladder">Null: the source alone.</param>
internal sealed record AppOptions(
    string? Ladder,
    TimeSpan KeyframeInterval,
    TimeSpan ReconnectGrace,
    PublishOptions Publish,
    CacheLimits GopCache,
    TimeSpan PlayerLag,
    LatencyPolicy Latency,
    ValueList<PushOptions> Push)
{
    public required AccessOptions Play { get; init; }

    public required HookOptions Hooks { get; init; }
}

/// <param name="SilenceTimeout">A publisher that sent nothing for so long is silent: a new one replaces it.</param>
internal sealed record PublishOptions(AccessOptions Access, TakeoverPolicy Takeover, TimeSpan SilenceTimeout);

internal enum LatencyPolicy
{
    /// <summary>Each packet leaves when it comes.</summary>
    Low,

    /// <summary>A picture and a sound that come within a moment of each other leave together.</summary>
    Balanced,

    /// <summary>Three writes a second.</summary>
    Throughput,
}

internal enum TakeoverPolicy
{
    /// <summary>A second publisher is refused while the first one sends, and replaces a silent one.</summary>
    WhenSilent,

    /// <summary>A second publisher with a valid key always replaces the first.</summary>
    Always,

    /// <summary>A second publisher is refused until the first one has gone.</summary>
    Never,
}

/// <param name="Size">Bytes.</param>
internal sealed record CacheLimits(TimeSpan Duration, int Size);

/// <param name="Renditions">Names from the app's ladder, and <see cref="SourceName"/>; as settled: never empty.</param>
internal sealed record PushOptions(
    PushUrl Url,
    ValueList<string> Renditions,
    TimeSpan ConnectTimeout,
    TimeSpan RetryMin,
    TimeSpan RetryMax,
    TimeSpan Lag)
{
    /// <summary>The word for the source itself where rendition names are listed.</summary>
    public const string SourceName = "source";

    public required PushTlsOptions Tls { get; init; }
}

/// <param name="CpuBudget">Cores; null: no limit.</param>
/// <param name="StateFile">Null: in the service's state directory.</param>
internal sealed record EncoderOptions(ValueList<string> Order, FallbackPolicy Fallback, double? CpuBudget, string? StateFile, string CalibrationFile);

internal sealed record WorkerOptions(int Spare, TimeSpan StartTimeout, TimeSpan HangTimeout, TimeSpan RestartDelayMax);

internal sealed record LogOptions(LogLevel Level);
