using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Streams;

namespace Transcoder.Outputs.Push;

/// <summary>Pushes every stream that a target takes, each over a connection, a cursor and a retry of its own: no target can touch another or the stream.</summary>
public sealed partial class PushOutput : IAsyncDisposable
{
    private readonly StreamRegistry _registry;
    private readonly IReadOnlyList<PushTarget> _targets;
    private readonly RtmpOptions _options;
    private readonly MediaBufferPool _pool;
    private readonly TimeProvider _clock;
    private readonly ILogger<PushOutput> _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<PushSession, Task> _sessions = new();

    public PushOutput(StreamRegistry registry, IReadOnlyList<PushTarget> targets, RtmpOptions options, MediaBufferPool pool, TimeProvider clock, ILogger<PushOutput> log)
    {
        _registry = registry;
        _targets = targets;
        _options = options;
        _pool = pool;
        _clock = clock;
        _log = log;
        registry.StreamOpened += Start;
    }

    public IEnumerable<PushSession> Sessions => _sessions.Keys;

    /// <summary>Counters of all push connections together.</summary>
    public RtmpStatistics Statistics { get; } = new();

    /// <summary>Waits until every target has taken the ends of its streams, at most until the token; then lets go.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_sessions.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_sessions.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        _registry.StreamOpened -= Start;
        await DrainAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Start(LiveStream stream)
    {
        foreach (var target in _targets)
        {
            if (target.App == stream.Name.App && target.Takes(stream.Name))
            {
                var options = _options with { DialTimeout = target.ConnectTimeout, HandshakeTimeout = target.ConnectTimeout, CommandTimeout = target.ConnectTimeout };
                var session = new PushSession(stream, target, new Rtmp.Clients.RtmpClient(options, _pool, Statistics, _clock, new TlsDialer(target.Trust).DialAsync), _clock, _log);
                var listed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _sessions[session] = RunAsync(session, listed.Task);
                listed.SetResult();
            }
        }
    }

    private async Task RunAsync(PushSession session, Task listed)
    {
        await listed.ConfigureAwait(false);
        try
        {
            await session.RunAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // A defect of ours must cost this target, not the daemon.
            LogFailed(e, session.Stream.Name, session.Address);
        }
        finally
        {
            _sessions.TryRemove(session, out _);
        }
    }

    [LoggerMessage(300, LogLevel.Error, "push of {Stream} to {Address} ended by an internal error")]
    private partial void LogFailed(Exception error, StreamName stream, string address);
}
