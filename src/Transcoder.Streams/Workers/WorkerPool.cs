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
    private readonly Queue<IWorker> _idle = new();
    private readonly CancellationTokenSource _stop = new();

    // One start at a time: a driver or a loaded machine is not helped by several.
    private readonly SemaphoreSlim _starting = new(1);
    private Task _refilling = Task.CompletedTask;

    public WorkerPool(IWorkerLauncher launcher, WorkerPolicy policy, TimeProvider clock, ILogger<WorkerPool> log)
    {
        _launcher = launcher;
        Policy = policy;
        _clock = clock;
        _log = log;
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
        while (TakeIdle() is { } idle)
        {
            if (!idle.Exited.IsCompleted)
            {
                Refill();
                return idle;
            }

            LogSpareDied(idle.ProcessId, await idle.Exited.ConfigureAwait(false));
            await idle.DisposeAsync().ConfigureAwait(false);
        }

        var worker = await LaunchAsync(cancellationToken).ConfigureAwait(false);
        Refill();
        return worker;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _refilling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (TakeIdle() is { } idle)
        {
            await idle.DisposeAsync().ConfigureAwait(false);
        }

        _stop.Dispose();
        _starting.Dispose();
    }

    private IWorker? TakeIdle()
    {
        lock (_gate)
        {
            return _idle.TryDequeue(out var worker) ? worker : null;
        }
    }

    private void Refill()
    {
        lock (_gate)
        {
            if (_refilling.IsCompleted && !_stop.IsCancellationRequested && _idle.Count < Policy.Spares)
            {
                _refilling = RefillAsync();
            }
        }
    }

    private async Task RefillAsync()
    {
        // Leaves the caller's lock and, on a start under load, lets the rented worker go first.
        await Task.Yield();
        while (!_stop.IsCancellationRequested && Idle < Policy.Spares)
        {
            try
            {
                var worker = await LaunchAsync(_stop.Token).ConfigureAwait(false);
                lock (_gate)
                {
                    _idle.Enqueue(worker);
                }
            }
            catch (WorkerStartException e)
            {
                if (_stop.IsCancellationRequested)
                {
                    return;
                }

                LogSpareFailed(e.Message, RetrySpare.TotalSeconds);
                await Task.Delay(RetrySpare, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<IWorker> LaunchAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
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
        finally
        {
            _starting.Release();
        }
    }

    [LoggerMessage(230, LogLevel.Information, "worker {ProcessId} is ready after {Milliseconds:0} ms")]
    private partial void LogReady(int processId, double milliseconds);

    [LoggerMessage(231, LogLevel.Warning, "spare worker {ProcessId} died: {Status}")]
    private partial void LogSpareDied(int processId, string status);

    [LoggerMessage(232, LogLevel.Error, "no spare worker ({Error}); next try in {Seconds} s")]
    private partial void LogSpareFailed(string error, double seconds);
}
