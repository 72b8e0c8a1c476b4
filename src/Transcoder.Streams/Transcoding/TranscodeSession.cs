using System.Text.Json;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Workers;
using Transcoder.Streams.Ingest;
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

    private readonly SourceStream _source;
    private readonly StreamRegistry _registry;
    private readonly WorkerPool _workers;
    private readonly MediaBufferPool _pool;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly RenditionOutput[] _renditions;
    private RenditionOutput[] _active = [];

    internal TranscodeSession(SourceStream source, StreamRegistry registry, WorkerPool workers, MediaBufferPool pool, TimeProvider clock, ILogger log)
    {
        _source = source;
        _registry = registry;
        _workers = workers;
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

    /// <summary>The last worker's report; null before the first.</summary>
    public WorkerReport? Report { get; private set; }

    /// <summary>Runs until the source has ended and its last frames have left.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        Reason? end = null;
        while (end is null)
        {
            var started = _clock.GetTimestamp();
            Reason died;
            try
            {
                await using var worker = await _workers.RentAsync(cancellationToken).ConfigureAwait(false);
                (end, died) = await RunWorkerAsync(worker, cancellationToken).ConfigureAwait(false);
            }
            catch (WorkerStartException e)
            {
                died = e.Reason;
                LogWorkerNotStarted(_source.Live.Name, died);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                end = new Reason(Reasons.Shutdown, "the appliance stops");
                continue;
            }

            if (end is null && _source.Live.EndReason.Code is not null)
            {
                // Nothing is left to encode for: the source went while its worker was being replaced.
                end = _source.Live.EndReason;
            }

            if (end is null)
            {
                failures = _clock.GetElapsedTime(started) > Healthy ? 0 : failures + 1;
                await Task.Delay(RestartDelay(failures), _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        WorkerProcessId = 0;
        foreach (var rendition in _renditions)
        {
            EndRendition(rendition, end.Value);
        }
    }

    private async Task<(Reason? End, Reason Died)> RunWorkerAsync(IWorker worker, CancellationToken cancellationToken)
    {
        WorkerProcessId = worker.ProcessId;
        _active = [.. _renditions.Where(r => r.State is RenditionState.Starting or RenditionState.Running)];
        if (_active.Length == 0)
        {
            return (new Reason(Reasons.SourceEnded, "every rendition has ended"), default);
        }

        var resume = _active.Min(r => r.LastVideoPts);
        using var reader = _source.Live.Feed.SubscribeTranscoder(resume);
        var link = new WorkerLink(worker.Link, _pool);
        LogWorkerStarted(_source.Live.Name, worker.ProcessId, _active.Length, resume == MediaTime.MinValue ? "the beginning" : resume.ToString());
        link.Stage(WorkerMessageType.Job, JobFor(), WorkerJson.Default.TranscodeJob);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pump = new WorkerPump(link, reader, _clock);
        var pumping = pump.RunAsync(stop.Token);
        var receiver = new WorkerReceiver(link, _pool, this, worker.ProcessId, _workers.Policy.HangTimeout, _clock, _log);
        var finished = await receiver.RunAsync(pump, stop.Token).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        worker.Kill();
        var status = await worker.Exited.ConfigureAwait(false);
        await pumping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var rendition in _renditions)
        {
            rendition.EndOfWorker();
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return (new Reason(Reasons.Shutdown, "the appliance stops"), default);
        }

        if (finished is { Code: Reasons.SourceEnded })
        {
            LogWorkerEnded(_source.Live.Name, worker.ProcessId, finished.Value);
            return (_source.Live.EndReason, default);
        }

        WorkerDeaths++;
        var died = finished ?? new Reason(Reasons.WorkerDied, status);
        LogWorkerDied(_source.Live.Name, worker.ProcessId, died);
        return (null, died);
    }

    // At once, then 0.5 s, 1 s, 2 s … up to the operator's limit.
    private TimeSpan RestartDelay(int failures) => failures <= 1
        ? TimeSpan.Zero
        : TimeSpan.FromTicks(Math.Min(SecondDelay.Ticks << Math.Min(failures - 2, 16), _workers.Policy.RestartDelayMax.Ticks));

    private TranscodeJob JobFor() => new(
        _source.Live.Name.ToString(),
        _source.Policy.KeyframeInterval,
        [.. _active.Select(r => new RenditionJob(r.Spec, r.LastVideoPts, r.LastAudioPts))],
        _source.Policy.EncoderOrder);

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

    internal void Start(RenditionOutput rendition, RenditionStarted started)
    {
        rendition.Started = started;
        rendition.Reason = started.Reason;
        if (rendition.Live is null)
        {
            rendition.Live = _registry.OpenRendition(rendition.Name, _source.Policy);
            if (rendition.Live is null)
            {
                rendition.State = RenditionState.Ended;
                rendition.Reason = new Reason(Reasons.StreamBusy, $"another stream is called {rendition.Name}");
                LogRenditionEnded(rendition.Name, rendition.Reason, 0, 0, 0);
                return;
            }
        }

        rendition.BeginOfWorker(_source.Live.Video is not null, _source.Live.Audio is not null);
        rendition.State = RenditionState.Running;
        LogRenditionStarted(rendition.Name, started.Width, started.Height, started.FrameRate, started.Device, started.Encoder, started.Reason);
    }

    /// <summary>Ends a rendition, or leaves it out when it never ran.</summary>
    internal void EndRendition(RenditionOutput rendition, Reason reason)
    {
        if (rendition.State is RenditionState.LeftOut or RenditionState.Ended)
        {
            return;
        }

        rendition.State = rendition.Live is null ? RenditionState.LeftOut : RenditionState.Ended;
        rendition.Reason = reason;
        if (rendition.Live is { } live)
        {
            rendition.Flush();
            _registry.Close(live, reason);
            LogRenditionEnded(rendition.Name, reason, live.Age.TotalSeconds, live.Meter.VideoPackets, rendition.FramesDroppedLate);
        }
        else
        {
            LogRenditionLeftOut(rendition.Name, reason);
        }
    }

    [LoggerMessage(240, LogLevel.Information, "stream {Stream}: worker {ProcessId} makes {Renditions} renditions from {Resume} on")]
    private partial void LogWorkerStarted(StreamName stream, int processId, int renditions, string resume);

    [LoggerMessage(241, LogLevel.Information, "stream {Stream}: worker {ProcessId} ended: {Reason}")]
    private partial void LogWorkerEnded(StreamName stream, int processId, Reason reason);

    [LoggerMessage(242, LogLevel.Warning, "stream {Stream}: worker {ProcessId} ended: {Reason}; it is being replaced")]
    private partial void LogWorkerDied(StreamName stream, int processId, Reason reason);

    [LoggerMessage(243, LogLevel.Error, "stream {Stream}: {Reason}")]
    private partial void LogWorkerNotStarted(StreamName stream, Reason reason);

    [LoggerMessage(244, LogLevel.Information, "rendition {Stream} opened: {Width}x{Height} at {FrameRate:0.##} fps on {Device} ({Encoder}), {Reason}")]
    private partial void LogRenditionStarted(StreamName stream, int width, int height, double frameRate, string device, string encoder, Reason reason);

    [LoggerMessage(245, LogLevel.Information, "rendition {Stream} left out: {Reason}")]
    private partial void LogRenditionLeftOut(StreamName stream, Reason reason);

    [LoggerMessage(246, LogLevel.Information, "rendition {Stream} ended: {Reason}; {Seconds:0.0} s, {Frames} frames, {Dropped} dropped late")]
    private partial void LogRenditionEnded(StreamName stream, Reason reason, double seconds, long frames, long dropped);
}
