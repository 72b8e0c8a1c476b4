using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>How renditions begin, wait and end, as the worker says. On the receive loop.</summary>
public sealed partial class TranscodeSession
{
    internal void Start(RenditionOutput rendition, RenditionStarted started)
    {
        if (rendition.IsSuspended)
        {
            rendition.TryAgain(_source.Live.Feed.Newest);
        }
        else if (!IsAtWork(rendition))
        {
            return;
        }

        rendition.BeginOfWorker(_source.Live.Video is not null, _source.Live.Audio is not null);
        rendition.Gaps.OnEncoder();
        rendition.Started = started;
        rendition.Reason = started.Reason;
        rendition.State = RenditionState.Running;
        if (rendition.Live is not null)
        {
            LogRenditionContinues(rendition.Name, started.Device, started.Encoder, started.Reason);
            return;
        }

        rendition.Live = _registry.OpenRendition(rendition.Name, _source.Policy);
        if (rendition.Live is null)
        {
            rendition.State = RenditionState.Ended;
            rendition.Reason = new Reason(Reasons.StreamBusy, $"another stream is called {rendition.Name}");
            LogRenditionLeftOut(rendition.Name, rendition.Reason);
            return;
        }

        LogRenditionStarted(rendition.Name, started.Width, started.Height, started.FrameRate, started.Device, started.Encoder, started.Reason);
    }

    /// <summary>The worker ends a rendition: by plan, or because it has no encoder. Then it waits for another one, which the worker will be granted.</summary>
    /// <returns>A reason to end the worker, once nothing is left for it to do.</returns>
    internal Reason? EndByWorker(RenditionOutput rendition, int number, WorkerLeases leases, Reason reason)
    {
        var failed = reason.Code == Reasons.EncoderFailed;
        rendition.IsAwaited = reason.Code != Reasons.NoUpscale && (IsAtWork(rendition) || rendition.IsSuspended) &&
            leases.Await(number, failed ? RetryDelay(rendition.Failures.Count + 1) : TimeSpan.Zero);
        if (rendition.IsAwaited || (failed && IsAtWork(rendition)))
        {
            Suspend(rendition, failed, reason);
        }
        else
        {
            EndRendition(rendition, reason);
        }

        return SourceHasEnded || _active.Any(MayWork) ? null : new Reason(Reasons.SourceEnded, "no rendition is left to make");
    }

    /// <summary>Its stream ends, and another one begins when it has an encoder again.</summary>
    private void Suspend(RenditionOutput rendition, bool failed, Reason reason)
    {
        rendition.Flush();
        if (!CloseLive(rendition, reason))
        {
            LogRenditionWaits(rendition.Name, reason);
        }

        rendition.Suspend(failed, _clock.GetTimestamp());
        rendition.Reason = reason;
    }

    /// <summary>Ends a rendition, or leaves it out when it never ran.</summary>
    internal void EndRendition(RenditionOutput rendition, Reason reason)
    {
        if (rendition.State is RenditionState.LeftOut or RenditionState.Ended)
        {
            return;
        }

        var suspended = rendition.IsSuspended;
        rendition.State = rendition.Live is null && !suspended ? RenditionState.LeftOut : RenditionState.Ended;
        rendition.Reason = suspended ? rendition.Reason : reason;
        if (!CloseLive(rendition, reason) && !suspended)
        {
            LogRenditionLeftOut(rendition.Name, reason);
        }
    }

    /// <returns>False: it had none.</returns>
    private bool CloseLive(RenditionOutput rendition, Reason reason)
    {
        if (rendition.Live is not { } live)
        {
            return false;
        }

        rendition.Flush();
        _registry.Close(live, reason);
        LogRenditionEnded(rendition.Name, reason, live.Age.TotalSeconds, live.Meter.VideoPackets, rendition.FramesDroppedLate);
        return true;
    }

    [LoggerMessage(244, LogLevel.Information, "rendition {Stream} opened: {Width}x{Height} at {FrameRate:0.##} fps on {Device} ({Encoder}), {Reason}")]
    private partial void LogRenditionStarted(StreamName stream, int width, int height, double frameRate, string device, string encoder, Reason reason);

    [LoggerMessage(245, LogLevel.Information, "rendition {Stream} left out: {Reason}")]
    private partial void LogRenditionLeftOut(StreamName stream, Reason reason);

    [LoggerMessage(246, LogLevel.Information, "rendition {Stream} ended: {Reason}; {Seconds:0.0} s, {Frames} frames, {Dropped} dropped late")]
    private partial void LogRenditionEnded(StreamName stream, Reason reason, double seconds, long frames, long dropped);

    [LoggerMessage(247, LogLevel.Information, "rendition {Stream} continues on {Device} ({Encoder}), {Reason}")]
    private partial void LogRenditionContinues(StreamName stream, string device, string encoder, Reason reason);

    [LoggerMessage(249, LogLevel.Warning, "rendition {Stream} has no encoder and waits: {Reason}")]
    private partial void LogRenditionWaits(StreamName stream, Reason reason);
}
