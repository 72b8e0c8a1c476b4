using System.Text.Json;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Workers;
using Transcoder.Streams.Ingest;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>
/// Makes a source's renditions for as long as the source lives, through one worker after another: a worker that dies is replaced, and the new one
/// replays the source's cached GOP and goes on with the first frame that had not left.
/// </summary>
public sealed partial class TranscodeSession
{
    /// <summary>A worker that ran this long was sound: the next death is a first one again.</summary>
    private static readonly TimeSpan Healthy = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan SecondDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>An encoder that failed again and again is left alone this long, twice as long after each further failure.</summary>
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);

    /// <summary>A killed process is gone in milliseconds, unless a driver holds it in the kernel: then its successor doesn't wait for it.</summary>
    private static readonly TimeSpan DeathDeadline = TimeSpan.FromMilliseconds(500);

    private readonly SourceStream _source;
    private readonly StreamRegistry _registry;
    private readonly WorkerPool _workers;
    private readonly ResourceManager _resources;
    private readonly MediaBufferPool _pool;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Action _onWorkerDeath;
    private readonly RenditionOutput[] _renditions;
    private RenditionOutput[] _active = [];

    internal TranscodeSession(
        SourceStream source, StreamRegistry registry, WorkerPool workers, ResourceManager resources, MediaBufferPool pool, TimeProvider clock, ILogger log, Action onWorkerDeath)
    {
        _onWorkerDeath = onWorkerDeath;
        _source = source;
        _registry = registry;
        _workers = workers;
        _resources = resources;
        _pool = pool;
        _clock = clock;
        _log = log;
        _renditions = [.. source.Policy.Ladder.Select(spec =>
            new RenditionOutput(spec, source.Live.Name.ForRendition(source.Policy.RenditionTemplate, spec.Name), clock))];
    }

    public SourceStream Source => _source;

    public IReadOnlyList<RenditionOutput> Renditions => _renditions;

    /// <summary>The current worker's process, or 0.</summary>
    public int WorkerProcessId { get; private set; }

    /// <summary>Workers that died under this source.</summary>
    public int WorkerDeaths { get; private set; }

    /// <summary>Source packets that no worker got, because the transcoder was stuck for longer than the publisher is held.</summary>
    public long PacketsSkipped { get; private set; }

    /// <summary>The current worker's report; null before its first.</summary>
    public WorkerReport? Report { get; private set; }

    /// <summary>Runs until the source has ended and its last frames have left.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        while (await WaitForWorkAsync(cancellationToken).ConfigureAwait(false))
        {
            var started = _clock.GetTimestamp();
            if (await TryWorkerAsync(cancellationToken).ConfigureAwait(false) || cancellationToken.IsCancellationRequested || SourceHasEnded)
            {
                // Also when the source went while its worker was being replaced: nothing is left to encode for.
                break;
            }

            failures = _clock.GetElapsedTime(started) > Healthy ? 1 : failures + 1;
            await Task.Delay(RestartDelay(failures), _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        WorkerProcessId = 0;
        var end = SourceHasEnded ? _source.Live.EndReason : new Reason(Reasons.Shutdown, "the appliance stops");
        foreach (var rendition in _renditions)
        {
            EndRendition(rendition, end);
        }
    }

    private bool SourceHasEnded => _source.Live.EndReason.Code is not null;

    /// <summary>Until a rendition is to be made; while all that are left wait for another try, that takes as long as the nearest waits.</summary>
    /// <returns>False when the source has ended first.</returns>
    private async Task<bool> WaitForWorkAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (_renditions.Any(IsDue))
            {
                return true;
            }

            WorkerProcessId = 0;
            var wait = _renditions.Where(r => r.IsSuspended).Select(UntilRetry).DefaultIfEmpty(Timeout.InfiniteTimeSpan).Min();
            await _source.Live.Feed.Completion.WaitAsync(wait, _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (SourceHasEnded)
            {
                return false;
            }
        }

        return false;
    }

    private bool IsDue(RenditionOutput rendition) =>
        IsAtWork(rendition) || (rendition.IsSuspended && UntilRetry(rendition) <= TimeSpan.Zero);

    private TimeSpan UntilRetry(RenditionOutput rendition)
    {
        if (rendition.State == RenditionState.Waiting)
        {
            return TimeSpan.Zero;
        }

        var left = RetryDelay(rendition.Failures.Count) - _clock.GetElapsedTime(rendition.Failures.At);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private static TimeSpan RetryDelay(int failures) => TimeSpan.FromTicks(Math.Min(FirstRetry.Ticks << Math.Min(failures - 1, 16), LongestRetry.Ticks));

    /// <summary>One worker's life.</summary>
    /// <returns>True when it did what there was to do; false when another one is needed.</returns>
    private async Task<bool> TryWorkerAsync(CancellationToken cancellationToken)
    {
        try
        {
            var worker = await _workers.RentAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await RunWorkerAsync(worker, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                var gone = worker.DisposeAsync();
                if (worker.Exited.IsCompleted)
                {
                    await gone.ConfigureAwait(false);
                }
            }
        }
        catch (WorkerStartException e)
        {
            LogWorkerNotStarted(_source.Live.Name, e.Reason);
            Interrupted(e.Reason);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The caller looks at the token.
        }
        catch (Exception e)
        {
            // A defect of ours costs this worker, not the source's renditions.
            LogInternalError(e, _source.Live.Name);
            Interrupted(new Reason(Reasons.InternalError, e.GetType().Name));
        }

        return false;
    }

    private async Task<bool> RunWorkerAsync(IWorker worker, CancellationToken cancellationToken)
    {
        WorkerProcessId = worker.ProcessId;
        Report = null;

        // Also those that failed a moment ago: a rendition that is in no job could not return while this worker lives.
        _active = [.. _renditions.Where(r => IsAtWork(r) || r.IsSuspended)];
        foreach (var again in _active.Where(r => r.IsSuspended))
        {
            again.TryAgain(_source.Live.Feed.Newest);
        }

        var resume = _active.Min(r => r.ResumePoint);
        using var reader = _source.Live.Feed.SubscribeTranscoder(resume);
        using var link = new WorkerLink(worker.Link, _pool);
        var leases = new WorkerLeases(_resources, _source.Live.Name.ToString(), worker.ProcessId, link, _active, _log);
        LogWorkerStarted(_source.Live.Name, worker.ProcessId, _active.Length, resume == MediaTime.MinValue ? "the beginning" : resume.ToString());
        link.Stage(WorkerMessageType.Job, JobFor(leases), WorkerJson.Default.TranscodeJob);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pumping = new WorkerPump(link, reader).RunAsync(stop.Token);
        var receiving = new WorkerReceiver(link, _pool, this, leases, worker.ProcessId, _workers.Policy.HangTimeout, _clock, _log).RunAsync(stop.Token);
        Reason? finished;
        string status;
        try
        {
            await Task.WhenAny(receiving, pumping, leases.Sending).ConfigureAwait(false);
            if (pumping.IsFaulted || leases.Sending.IsFaulted)
            {
                await stop.CancelAsync().ConfigureAwait(false);
            }

            finished = await receiving.ConfigureAwait(false);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            worker.Kill();
            await ((Task)worker.Exited).WaitAsync(DeathDeadline, _clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            status = worker.Exited.IsCompleted ? $"{await worker.Exited.ConfigureAwait(false)}" : $"not dead {DeathDeadline.TotalSeconds} s after it was killed";
            await pumping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await ReturnAsync(leases, worker.Exited).ConfigureAwait(false);
            PacketsSkipped += reader.DroppedPackets;
            foreach (var rendition in _renditions)
            {
                rendition.EndOfWorker();
            }
        }

        if ((pumping.Exception ?? leases.Sending.Exception) is { } defect)
        {
            throw defect.InnerException!;
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return true;
        }

        if (finished is { Code: Reasons.SourceEnded } ended && (SourceHasEnded || !_active.Any(MayWork)))
        {
            LogWorkerEnded(_source.Live.Name, worker.ProcessId, ended);
            return SourceHasEnded;
        }

        WorkerDeaths++;
        _onWorkerDeath();
        var died = finished ?? new Reason(Reasons.WorkerDied, status);
        LogWorkerDied(_source.Live.Name, worker.ProcessId, died, SourceHasEnded ? "the source has ended, and what had not left is lost" : "it is being replaced");
        Interrupted(died);
        return false;
    }

    /// <summary>A driver frees the sessions of a process when it ends: a place given away sooner would be refused there.</summary>
    private static async Task ReturnAsync(WorkerLeases leases, Task<WorkerExit> exited)
    {
        var returning = ReturnAfterAsync();
        if (exited.IsCompleted)
        {
            await returning.ConfigureAwait(false);
        }

        async Task ReturnAfterAsync()
        {
            if (await exited.ConfigureAwait(false) is { IsCrash: true } crash)
            {
                leases.Crashed($"{crash}");
            }

            await leases.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static bool IsAtWork(RenditionOutput rendition) => rendition.State is RenditionState.Starting or RenditionState.Running;

    private static bool MayWork(RenditionOutput rendition) => IsAtWork(rendition) || rendition.IsAwaited;

    /// <summary>Until the next worker opens them again, the renditions say why nothing comes.</summary>
    private void Interrupted(Reason died)
    {
        foreach (var rendition in _active.Where(r => r.State == RenditionState.Running))
        {
            rendition.State = RenditionState.Starting;
            rendition.Reason = died;
        }
    }

    // At once, then 0.5 s, 1 s, 2 s … up to the operator's limit.
    private TimeSpan RestartDelay(int failures) => failures <= 1
        ? TimeSpan.Zero
        : TimeSpan.FromTicks(Math.Min(SecondDelay.Ticks << Math.Min(failures - 2, 16), _workers.Policy.RestartDelayMax.Ticks));

    private TranscodeJob JobFor(WorkerLeases leases) => new(
        _source.Live.Name.ToString(),
        _source.Policy.KeyframeInterval,
        [.. _active.Select(r => new RenditionJob(r.Spec, r.LastVideoPts, r.LastAudioPts, r.Started?.Reason.Code == Reasons.Passthrough))],
        leases.DecodeOrder(_source.Live.Video));

    /// <summary>By its number on the current worker's link: only what still runs is in a job.</summary>
    internal RenditionOutput? Rendition(int number) => number < _active.Length ? _active[number] : null;

    internal void Note(WorkerReport report)
    {
        Report = report;
        foreach (var part in report.Renditions)
        {
            Rendition(part.Number)?.Note(part);
        }
    }

    [LoggerMessage(240, LogLevel.Information, "stream {Stream}: worker {ProcessId} makes {Renditions} renditions from {Resume} on")]
    private partial void LogWorkerStarted(StreamName stream, int processId, int renditions, string resume);

    [LoggerMessage(241, LogLevel.Information, "stream {Stream}: worker {ProcessId} ended: {Reason}")]
    private partial void LogWorkerEnded(StreamName stream, int processId, Reason reason);

    [LoggerMessage(242, LogLevel.Warning, "stream {Stream}: worker {ProcessId} ended: {Reason}; {Next}")]
    private partial void LogWorkerDied(StreamName stream, int processId, Reason reason, string next);

    [LoggerMessage(243, LogLevel.Error, "stream {Stream}: {Reason}")]
    private partial void LogWorkerNotStarted(StreamName stream, Reason reason);

    [LoggerMessage(248, LogLevel.Error, "stream {Stream}: its worker ended by an internal error; it is being replaced")]
    private partial void LogInternalError(Exception error, StreamName stream);
}
