using Microsoft.Extensions.Logging;

namespace Transcoder.Streams.Workers;

/// <summary>Workers to rent, with spares kept warm so that a new stream does not pay for a process start. A worker is used once.</summary>
public sealed partial class WorkerPool : IAsyncDisposable
{
    private static readonly TimeSpan RetrySpare = TimeSpan.FromSeconds(5);

    private readonly IWorkerLauncher _launcher;
    private readonly TimeProvider _clock;
    private readonly ILogger<WorkerPool> _log;
    private readonly Lock _gate = new();
    private readonly List<IWorker> _idle = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationToken _stopped;

    // One start at a time: a driver or a loaded machine is not helped by several.
    private readonly SemaphoreSlim _starting = new(1);
    private Task _refilling = Task.CompletedTask;

    public WorkerPool(IWorkerLauncher launcher, WorkerPolicy policy, TimeProvider clock, ILogger<WorkerPool> log)
    {
        _launcher = launcher;
        Policy = policy;
        _clock = clock;
        _log = log;
        _stopped = _stop.Token;
        Refill();
    }

    internal WorkerPolicy Policy { get; }

    /// <summary>Warm workers without a job.</summary>
    public int Idle
    {
        get
        {
            lock (_gate)
            {
                return _idle.Count;
            }
        }
    }

    /// <summary>Why the last start failed; empty while workers start.</summary>
    public string LastFailure { get; private set; } = "";

    /// <summary>The last worker start succeeded, or none has been tried yet.</summary>
    public bool IsHealthy => LastFailure.Length == 0;

    /// <summary>A live worker, a warm one if there is one; the caller owns it.</summary>
    /// <exception cref="WorkerStartException">None could be started.</exception>
    public async Task<IWorker> RentAsync(CancellationToken cancellationToken)
    {
        if (TakeLive() is { } warm)
        {
            Refill();
            return warm;
        }

        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // What was being started meanwhile may be the spare that this stream can have.
            return TakeLive() ?? await LaunchAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _starting.Release();
            Refill();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        Task refilling;
        lock (_gate)
        {
            refilling = _refilling;
        }

        await refilling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (Take() is { } idle)
        {
            await idle.DisposeAsync().ConfigureAwait(false);
        }

        _stop.Dispose();
        _starting.Dispose();
    }

    private IWorker? Take()
    {
        lock (_gate)
        {
            if (_idle.Count == 0)
            {
                return null;
            }

            var oldest = _idle[0];
            _idle.RemoveAt(0);
            return oldest;
        }
    }

    /// <summary>Passes over spares that are dead; their watch clears them away.</summary>
    private IWorker? TakeLive()
    {
        lock (_gate)
        {
            var live = _idle.FindIndex(worker => !worker.Exited.IsCompleted);
            if (live < 0)
            {
                return null;
            }

            var worker = _idle[live];
            _idle.RemoveAt(live);
            return worker;
        }
    }

    private void Refill()
    {
        lock (_gate)
        {
            if (_refilling.IsCompleted && !_stopped.IsCancellationRequested && _idle.Count < Policy.Spares)
            {
                _refilling = RefillAsync();
            }
        }
    }

    private async Task RefillAsync()
    {
        // Leaves the caller's lock and, on a start under load, lets the rented worker go first.
        await Task.Yield();
        while (!_stopped.IsCancellationRequested && Idle < Policy.Spares)
        {
            try
            {
                await StartSpareAsync().ConfigureAwait(false);
            }
            catch (WorkerStartException e)
            {
                LogSpareFailed(e.Message, RetrySpare.TotalSeconds);
                await Task.Delay(RetrySpare, _clock, _stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task StartSpareAsync()
    {
        await _starting.WaitAsync(_stopped).ConfigureAwait(false);
        try
        {
            var worker = await LaunchAsync(_stopped).ConfigureAwait(false);
            lock (_gate)
            {
                _idle.Add(worker);
            }

            _ = WatchSpareAsync(worker);
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>A spare that dies on the shelf is replaced before a stream needs it.</summary>
    private async Task WatchSpareAsync(IWorker spare)
    {
        var status = await spare.Exited.ConfigureAwait(false);
        lock (_gate)
        {
            if (!_idle.Remove(spare))
            {
                // Rented or disposed: its end is its owner's business.
                return;
            }
        }

        LogSpareDied(spare.ProcessId, $"{status}");
        await spare.DisposeAsync().ConfigureAwait(false);

        // Not at once: a worker that can't live without a job would be started in a tight loop.
        await Task.Delay(RetrySpare, _clock, _stopped).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Refill();
    }

    private async Task<IWorker> LaunchAsync(CancellationToken cancellationToken)
    {
        try
        {
            var started = _clock.GetTimestamp();
            var worker = await _launcher.LaunchAsync(cancellationToken).ConfigureAwait(false);
            LogReady(worker.ProcessId, _clock.GetElapsedTime(started).TotalMilliseconds);
            LastFailure = "";
            return worker;
        }
        catch (WorkerStartException e)
        {
            LastFailure = e.Message;
            throw;
        }
    }

    [LoggerMessage(230, LogLevel.Information, "worker {ProcessId} is ready after {Milliseconds:0} ms")]
    private partial void LogReady(int processId, double milliseconds);

    [LoggerMessage(231, LogLevel.Warning, "spare worker {ProcessId} died: {Status}")]
    private partial void LogSpareDied(int processId, string status);

    [LoggerMessage(232, LogLevel.Error, "no spare worker ({Error}); next try in {Seconds} s")]
    private partial void LogSpareFailed(string error, double seconds);
}
