using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Transcoder.Media.Buffers;
using Transcoder.Streams.Ingest;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>Starts a <see cref="TranscodeSession"/> for each source that has a ladder, and keeps the list.</summary>
public sealed partial class TranscoderSupervisor : IAsyncDisposable
{
    private readonly StreamRegistry _registry;
    private readonly WorkerPool _workers;
    private readonly ResourceManager _resources;
    private readonly Task _devicesKnown;
    private readonly MediaBufferPool _pool;
    private readonly TimeProvider _clock;
    private readonly ILogger<TranscoderSupervisor> _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<TranscodeSession, Task> _sessions = new();
    private long _workerDeaths;

    /// <param name="devicesKnown">Completes when the hardware has been looked at: before that there is no place for an encoder.</param>
    public TranscoderSupervisor(
        StreamRegistry registry, WorkerPool workers, ResourceManager resources, Task devicesKnown, MediaBufferPool pool, TimeProvider clock, ILogger<TranscoderSupervisor> log)
    {
        _registry = registry;
        _workers = workers;
        _resources = resources;
        _devicesKnown = devicesKnown;
        _pool = pool;
        _clock = clock;
        _log = log;
        registry.SourceOpened += Start;
    }

    public IEnumerable<TranscodeSession> Sessions => _sessions.Keys;

    /// <summary>Workers that died in mid job since the start.</summary>
    public long WorkerDeaths => Interlocked.Read(ref _workerDeaths);

    /// <summary>Waits until every session has drained, at most until the token; then kills what is left.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_sessions.Values).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_sessions.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        _registry.SourceOpened -= Start;
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_sessions.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private void Start(SourceStream source)
    {
        if (source.Policy.Ladder.Count > 0)
        {
            var session = new TranscodeSession(source, _registry, _workers, _resources, _pool, _clock, _log, () => Interlocked.Increment(ref _workerDeaths));
            var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _sessions[session] = RunAsync(session, ready.Task);
            ready.SetResult();
        }
    }

    private async Task RunAsync(TranscodeSession session, Task listed)
    {
        await listed.ConfigureAwait(false);
        try
        {
            await _devicesKnown.WaitAsync(_stop.Token).ConfigureAwait(false);
            await session.RunAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The appliance stops before its devices were known: nothing had begun.
        }
        catch (Exception e)
        {
            // A defect of ours must cost this source's renditions, not the daemon.
            LogSessionFailed(e, session.Source.Live.Name);
        }
        finally
        {
            _sessions.TryRemove(session, out _);
        }
    }

    [LoggerMessage(260, LogLevel.Error, "stream {Stream}: its renditions ended by an internal error")]
    private partial void LogSessionFailed(Exception error, StreamName stream);
}
