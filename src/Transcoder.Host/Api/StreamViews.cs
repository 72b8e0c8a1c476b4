using Transcoder.Media;
using Transcoder.Media.Tracks;
using Transcoder.Outputs.Push;
using Transcoder.Streams;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Ingest;
using Transcoder.Streams.Transcoding;
using Transcoder.Streams.Workers;

namespace Transcoder.Host.Api;

/// <summary>The body of <c>GET /api/v1/streams</c>: sources, each with the renditions made of it.</summary>
internal sealed record StreamsView(IReadOnlyList<SourceView> Streams, WorkersView Workers, IReadOnlyList<PushView> Pushes);

/// <param name="Idle">Warm workers without a job.</param>
/// <param name="Deaths">Workers that died in mid job since the start.</param>
internal sealed record WorkersView(int Idle, int Busy, long Deaths);

/// <param name="State">publishing, or waiting (the publisher was lost and may come back).</param>
/// <param name="TimelineRepairs">Timestamp jumps that were repaired.</param>
/// <param name="LeftOut">Tracks that the publisher sends and nobody gets, and why.</param>
internal sealed record SourceView(
    string App,
    string Stream,
    string State,
    string Publisher,
    int Publishers,
    DateTimeOffset StartedAt,
    double Seconds,
    MediaView Media,
    long TimelineRepairs,
    IReadOnlyList<ReasonView> LeftOut,
    TranscoderView? Transcoder,
    IReadOnlyList<RenditionView> Renditions);

/// <summary>Facts of any live stream, measured over its last seconds.</summary>
/// <param name="Bitrate">Bits a second.</param>
/// <param name="KeyframeInterval">Seconds.</param>
/// <param name="DroppedPackets">Packets that subscribers did not get because they were too slow, over all subscribers so far.</param>
/// <param name="Jumps">How often a subscriber that was too slow went on at a newer keyframe.</param>
internal sealed record MediaView(
    VideoView? Video,
    AudioView? Audio,
    double Bitrate,
    double KeyframeInterval,
    long VideoPackets,
    long AudioPackets,
    long Bytes,
    int Subscribers,
    long DroppedPackets,
    long Jumps);

internal sealed record VideoView(string Codec, int Width, int Height, double FrameRate);

internal sealed record AudioView(string Codec, int SampleRate, int Channels);

/// <param name="RealtimeRatio">Source time decoded by wall time over the last second; held under 1, the worker falls behind.</param>
/// <param name="SkippedPackets">Source packets that no worker got, because the transcoder was stuck.</param>
internal sealed record TranscoderView(int WorkerProcessId, int WorkerDeaths, double RealtimeRatio, double CpuSeconds, long SourceFrames, long DamagedPackets, long SkippedPackets);

/// <param name="State">starting, running, left_out, failed (its encoder; it is tried again), waiting (for a place for its encoder; it starts when there is one) or ended.</param>
/// <param name="Reason">Why this device, or why left out, interrupted, failed or ended.</param>
/// <param name="FramesIn">Source frames that it was offered, over all workers: encoded + dropped late + dropped by plan + lost + pending. As of the worker's last report.</param>
/// <param name="FramesLost">Frames that a failing encoder took along.</param>
/// <param name="Moves">Times that another encoder went on with it: a move, a failure, a new worker.</param>
/// <param name="LastGap">Seconds without a picture at the last of them.</param>
internal sealed record RenditionView(
    string Name,
    string Stream,
    string State,
    ReasonView Reason,
    string Device,
    string Encoder,
    string Decoder,
    MediaView? Media,
    long FramesIn,
    long FramesEncoded,
    long FramesDroppedLate,
    long FramesDroppedByPlan,
    long FramesLost,
    long FramesPending,
    long Moves,
    double LastGap);

/// <param name="Address">Without secrets.</param>
/// <param name="State">connecting, publishing, waiting (for the next attempt) or ended.</param>
/// <param name="Reason">Why the last connection or attempt ended.</param>
/// <param name="Lag">Seconds that the target is behind.</param>
internal sealed record PushView(string App, string Stream, string Address, string State, ReasonView Reason, int Connections, int FailedAttempts, long BytesSent, long DroppedPackets, double Lag);

internal sealed record ReasonView(string Code, string Detail);

/// <summary>Turns the house's live objects into what the API shows. No secret is among them.</summary>
internal static class StreamViews
{
    public static StreamsView All(StreamRegistry registry, TranscoderSupervisor transcoders, WorkerPool workers, PushOutput pushes, DeviceWatch watch)
    {
        var sessions = transcoders.Sessions.ToDictionary(session => session.Source);
        return new StreamsView(
            [.. registry.Sources.Select(source => Of(source, sessions.GetValueOrDefault(source), Probing(watch))).OrderBy(view => view.App, StringComparer.Ordinal).ThenBy(view => view.Stream, StringComparer.Ordinal)],
            new WorkersView(workers.Idle, sessions.Values.Count(session => session.WorkerProcessId != 0), transcoders.WorkerDeaths),
            [.. pushes.Sessions.Select(Of).OrderBy(view => view.App, StringComparer.Ordinal).ThenBy(view => view.Stream, StringComparer.Ordinal).ThenBy(view => view.Address, StringComparer.Ordinal)]);
    }

    /// <param name="start">Why what has not started yet doesn't; default: it does.</param>
    public static SourceView Of(SourceStream source, TranscodeSession? session, Reason start = default)
    {
        var live = source.Live;
        return new SourceView(
            live.Name.App,
            live.Name.Stream,
            source.HasPublisher ? "publishing" : "waiting",
            source.RemoteAddress,
            source.Publishers,
            live.StartedAt,
            Round(live.Age.TotalSeconds),
            Of(live),
            source.TimelineRepairs,
            [.. source.LeftOut.Select(Of)],
            session is null ? null : Of(session),
            session is null ? [] : [.. session.Renditions.Select(rendition => Of(rendition, start))]);
    }

    /// <summary>Nothing is encoded before the devices were looked at.</summary>
    private static Reason Probing(DeviceWatch watch) => watch.Ready.IsCompleted
        ? default
        : new Reason(Reasons.Probing, watch.Report?.Awaited is { } awaited ? $"devices are being tried: {string.Join(", ", awaited)}" : "devices are being tried");

    public static string Word(RenditionState state) => state switch
    {
        RenditionState.Starting => "starting",
        RenditionState.Running => "running",
        RenditionState.LeftOut => "left_out",
        RenditionState.Failed => "failed",
        RenditionState.Waiting => "waiting",
        _ => "ended",
    };

    public static string Word(PushState state) => state switch
    {
        PushState.Connecting => "connecting",
        PushState.Publishing => "publishing",
        PushState.Waiting => "waiting",
        _ => "ended",
    };

    public static MediaView Of(LiveStream live)
    {
        var measured = live.Meter.Measure();
        return new MediaView(
            live.Video is { } video ? new VideoView(video.Codec.Name(), video.Video.Width, video.Video.Height, Round(measured.FrameRate)) : null,
            live.Audio is { } audio ? new AudioView(audio.Codec.Name(), audio.Audio.SampleRate, audio.Audio.Channels) : null,
            Math.Round(measured.Bitrate),
            Round(measured.KeyframeInterval),
            live.Meter.VideoPackets,
            live.Meter.AudioPackets,
            live.Meter.TotalBytes,
            live.Feed.Subscribers,
            live.Feed.DroppedPackets,
            live.Feed.Jumps);
    }

    private static TranscoderView Of(TranscodeSession session) => new(
        session.WorkerProcessId,
        session.WorkerDeaths,
        Round(session.Report?.RealtimeRatio ?? 0),
        Round(session.Report?.CpuSeconds ?? 0),
        session.Report?.SourceFrames ?? 0,
        session.Report?.DamagedPackets ?? 0,
        session.PacketsSkipped);

    private static RenditionView Of(RenditionOutput rendition, Reason start) => new(
        rendition.Spec.Name,
        rendition.Name.Stream,
        Word(rendition.State),
        Of(rendition is { State: RenditionState.Starting, Reason.Code: null } ? start : rendition.Reason),
        rendition.Started?.Device ?? "",
        rendition.Started?.Encoder ?? "",
        rendition.Started?.Decoder ?? "",
        rendition.Live is { } live ? Of(live) : null,
        rendition.FramesIn,
        rendition.FramesEncoded,
        rendition.FramesDroppedLate,
        rendition.FramesDroppedByPlan,
        rendition.FramesLost,
        rendition.Report?.FramesPending ?? 0,
        rendition.Gaps.Count,
        Round(rendition.Gaps.Last.TotalSeconds));

    private static PushView Of(PushSession push) => new(
        push.Stream.Name.App,
        push.Stream.Name.Stream,
        push.Address,
        Word(push.State),
        Of(push.Reason),
        push.Connections,
        push.FailedAttempts,
        push.BytesSent,
        push.DroppedPackets,
        Round(push.Lag.Seconds));

    public static ReasonView Of(Reason reason) => new(reason.Code ?? "", reason.Detail ?? "");

    private static double Round(double value) => Math.Round(value, 3);
}
