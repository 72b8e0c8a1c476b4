using System.Net;
using Prometheus;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Host.Serving.Connections;
using Transcoder.Media.Time;

namespace Transcoder.Host.Serving;

/// <summary>All that stands between the network and a session: the gate, the certificates, and who may do what. One ticker drives them.</summary>
internal sealed class FrontDoor : IAsyncDisposable
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(1);

    private readonly System.Threading.ITimer _ticker;
    private int _reading;

    /// <exception cref="StartException">A file that the configuration names can't be used.</exception>
    public FrontDoor(TranscoderOptions options, TimeProvider clock, ILoggerFactory logs)
    {
        Refusals = new RefusalLedger(clock, logs.CreateLogger<RefusalLedger>());
        Gate = new ConnectionGate(LimitsOf(options.Server), Refusals, clock);
        Access = new AccessAuthorizer(options, clock, logs.CreateLogger<AccessAuthorizer>());
        if (options.Server.Rtmps is { } rtmps)
        {
            Certificates = new ServerCertificates(rtmps.Certificates, clock, logs.CreateLogger<ServerCertificates>());
            Tls = new TlsFront(Certificates, rtmps.HandshakeTimeout, Refusals, clock);
        }

        _ticker = clock.CreateTicker(TickInterval, Tick);
    }

    public RefusalLedger Refusals { get; }

    public ConnectionGate Gate { get; }

    public AccessAuthorizer Access { get; }

    /// <summary>Null without an RTMPS port.</summary>
    public ServerCertificates? Certificates { get; }

    public TlsFront? Tls { get; }

    public void AddTo(IMetricFactory metrics)
    {
        var refused = metrics.CreateCounter("transcoder_rtmp_refused_total", "Connections refused before RTMP began, by reason.", ["reason"]);
        foreach (var (reason, count) in Refusals.Refusals)
        {
            refused.WithLabels(reason).IncTo(count);
        }

        var pauses = metrics.CreateCounter("transcoder_rtmp_pauses_total", "Times that a connection was left unread for a while, by reason.", ["reason"]);
        foreach (var (reason, count) in Refusals.Pauses)
        {
            pauses.WithLabels(reason).IncTo(count);
        }

        metrics.CreateGauge("transcoder_rtmp_addresses", "Addresses whose limits are being kept.").Set(Gate.Addresses);
        var ends = metrics.CreateGauge("transcoder_tls_certificate_end_seconds", "When the certificate ends, in seconds since 1970.", ["file"]);
        foreach (var (file, end) in Certificates?.Ends ?? [])
        {
            ends.WithLabels(file).Set(end.ToUnixTimeSeconds());
        }

        var calls = metrics.CreateCounter("transcoder_hook_calls_total", "Calls of hooks, by what came of them: allowed, refused, failed, overflow.", ["app", "event", "result"]);
        foreach (var hook in Access.Hooks)
        {
            foreach (var ((what, result), count) in hook.Calls)
            {
                calls.WithLabels(hook.App, what, result.ToString().ToLowerInvariant()).IncTo(count);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ticker.DisposeAsync();
        Access.Dispose();
    }

    private static GateLimits LimitsOf(ServerOptions server)
    {
        var limits = server.Limits;
        return new GateLimits(
            server.Rtmp.MaxConnections,
            limits.Memory ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 9,
            limits.Connections,
            limits.HalfOpen,
            limits.ConnectionRate,
            limits.ConnectionRate * 2,
            limits.Bandwidth / 8,
            [.. limits.Trusted]);
    }

    private void Tick()
    {
        Gate.Tick();
        Refusals.Tick();

        // A file system that hangs holds one thread, not one more each second.
        if (Interlocked.Exchange(ref _reading, 1) == 0)
        {
            Certificates?.Tick();
            Access.Tick();
            Volatile.Write(ref _reading, 0);
        }
    }
}
