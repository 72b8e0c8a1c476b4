using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Transcoding;

public enum RenditionState
{
    /// <summary>The worker has not opened it yet.</summary>
    Starting,
    Running,

    /// <summary>Left out by plan: the reason says why.</summary>
    LeftOut,

    /// <summary>Ended for good: the reason says why.</summary>
    Ended,

    /// <summary>Its encoder failed: its stream has ended, and it is tried again after a while.</summary>
    Failed,

    /// <summary>There is no place for its encoder: its stream has ended, or never begun, and it starts when there is one.</summary>
    Waiting,
}

/// <summary>
/// One rung of a running job as the daemon sees it: the live stream it feeds, how far it has come, and what the next worker must go on from.
/// Used by its session's receive loop; the status properties are read by any thread.
/// </summary>
public sealed class RenditionOutput
{
    // How far the sound may be behind the picture and still decide where a new worker begins.
    private static readonly MediaTime SoundBehind = MediaTime.FromMilliseconds(1_000);

    // A mini-GOP is at most a handful of pictures; more than this without a boundary means the worker doesn't keep its word.
    private const int MaxStaged = 64;

    private readonly List<Packet> _staged = [];
    private readonly Interleaver _interleaver;
    private Track? _videoTrack;
    private Track? _audioTrack;
    private MediaTime _lastVideoDts = MediaTime.MinValue;
    private long _encodedEarlier;
    private RenditionReport _earlier = new(0, 0, 0, 0, 0, 0, 0);

    internal RenditionOutput(RenditionSpec spec, StreamName name, TimeProvider clock)
    {
        Spec = spec;
        Name = name;
        _interleaver = new Interleaver(Leave, clock);
        Gaps = new EncoderGaps(clock);
    }

    public RenditionSpec Spec { get; }

    public StreamName Name { get; }

    public RenditionState State { get; internal set; }

    /// <summary>Why this device, or why left out or ended.</summary>
    public Reason Reason { get; internal set; }

    /// <summary>Null until the worker has opened it.</summary>
    public LiveStream? Live { get; internal set; }

    public RenditionStarted? Started { get; internal set; }

    public RenditionReport? Report { get; private set; }

    /// <summary>Source frames that the rendition was offered, over all workers: encoded + dropped late + dropped by plan + lost + pending.</summary>
    public long FramesIn => _earlier.FramesIn + (Report?.FramesIn ?? 0);

    /// <summary>Frames dropped because the encoder was behind, over all workers.</summary>
    public long FramesDroppedLate => _earlier.FramesDroppedLate + (Report?.FramesDroppedLate ?? 0);

    public long FramesDroppedByPlan => _earlier.FramesDroppedByPlan + (Report?.FramesDroppedByPlan ?? 0);

    /// <summary>Frames that a failing encoder took along, over all workers.</summary>
    public long FramesLost => _earlier.FramesLost + (Report?.FramesLost ?? 0);

    /// <summary>What the viewers saw of moves and restarts.</summary>
    public EncoderGaps Gaps { get; }

    /// <summary>Source frames whose encoded picture has left.</summary>
    public long FramesEncoded => _encodedEarlier + (Live?.Meter.VideoPackets ?? 0);

    /// <summary>The greatest presentation time that has left: where a new worker goes on.</summary>
    internal MediaTime LastVideoPts { get; private set; } = MediaTime.MinValue;

    internal MediaTime LastAudioPts { get; private set; } = MediaTime.MinValue;

    /// <summary>From where the source must be replayed: picture and sound that have not left both lie behind it.</summary>
    internal MediaTime ResumePoint
    {
        get
        {
            if (Spec.Video is null)
            {
                return LastAudioPts;
            }

            return LastVideoPts == MediaTime.MinValue || LastAudioPts == MediaTime.MinValue
                ? LastVideoPts
                : MediaTime.Min(LastVideoPts, MediaTime.Max(LastAudioPts, LastVideoPts - SoundBehind));
        }
    }

    /// <summary>Out of work for now.</summary>
    internal bool IsSuspended => State is RenditionState.Failed or RenditionState.Waiting;

    /// <summary>Suspended, and the current worker will be granted a place for it.</summary>
    internal bool IsAwaited { get; set; }

    /// <summary>Failures in a row, and the time stamp of the last.</summary>
    internal (int Count, long At) Failures { get; private set; }

    /// <summary>The track of what comes next; one that equals the last keeps its identity, so that players see no change.</summary>
    internal void SetTrack(Track track)
    {
        ref var current = ref (track.Kind == TrackKind.Video ? ref _videoTrack : ref _audioTrack);
        if (!track.Equals(current))
        {
            current = track;
        }
    }

    internal Track? TrackOf(TrackKind kind) => kind == TrackKind.Video ? _videoTrack : _audioTrack;

    /// <summary>Takes over the caller's reference.</summary>
    internal void Accept(Packet packet, WorkerPacketFlags flags)
    {
        if (packet.Track.Kind != TrackKind.Video)
        {
            AcceptAudio(packet);
            return;
        }

        _staged.Add(packet);
        if ((flags & WorkerPacketFlags.Boundary) != 0 || _staged.Count >= MaxStaged)
        {
            foreach (var staged in _staged)
            {
                LastVideoPts = MediaTime.Max(LastVideoPts, staged.Pts);

                // Only now: what never leaves must not push the next worker's pictures to later times.
                _interleaver.Add(Playable(staged));
            }

            _staged.Clear();
        }
    }

    internal void Note(RenditionReport report) => Report = report;

    /// <summary>The stream has been closed; another one is opened when an encoder runs again.</summary>
    internal void Suspend(bool failed, long now)
    {
        _encodedEarlier = FramesEncoded;
        Live = null;
        Gaps.Forget();
        Failures = failed ? (Failures.Count + 1, now) : Failures;
        State = failed ? RenditionState.Failed : RenditionState.Waiting;
    }

    /// <summary>It is tried again, from where the source is now: its stream is a new one and has nothing to go on from.</summary>
    internal void TryAgain(MediaTime now)
    {
        LastVideoPts = MediaTime.Max(LastVideoPts, now);
        LastAudioPts = MediaTime.MinValue;
        IsAwaited = false;
        State = RenditionState.Starting;
    }

    /// <summary>A worker has opened the rendition; tracks that the source doesn't have are not waited for.</summary>
    internal void BeginOfWorker(bool sourceHasVideo, bool sourceHasAudio) =>
        _interleaver.Expect(Spec.Video is not null && sourceHasVideo, Spec.Audio is not null && sourceHasAudio);

    /// <summary>
    /// The worker has gone: half a mini-GOP is forgotten (the next worker makes it again). What is complete and waits for the other track goes on waiting:
    /// the next worker brings it.
    /// </summary>
    internal void EndOfWorker()
    {
        ForgetStaged();

        // What was pending is offered to the next worker again, and what left after the last report counts: so not the worker's own number.
        var taken = FramesEncoded + _interleaver.HeldPictures + FramesDroppedLate + FramesDroppedByPlan + FramesLost;
        _earlier = new RenditionReport(0, taken, FramesEncoded, FramesDroppedLate, FramesDroppedByPlan, 0, 0, FramesLost);
        Report = null;
    }

    /// <summary>No more comes: what is complete leaves.</summary>
    internal void Flush()
    {
        _interleaver.Flush();
        ForgetStaged();
    }

    private void ForgetStaged()
    {
        foreach (var packet in _staged)
        {
            packet.Release();
        }

        _staged.Clear();
    }

    private void AcceptAudio(Packet packet)
    {
        if (packet.Dts < MediaTime.Zero)
        {
            // The encoder's priming before the stream's first sample: no container we write can say a negative time.
            packet.Release();
            return;
        }

        LastAudioPts = MediaTime.Max(LastAudioPts, packet.Pts);
        _interleaver.Add(packet);
    }

    // With B-frames the first decoding times lie before the first presentation; at the stream's beginning that is below zero.
    private Packet Playable(Packet packet)
    {
        var floor = MediaTime.Max(_lastVideoDts, MediaTime.Zero);
        _lastVideoDts = MediaTime.Max(packet.Dts, floor);
        if (packet.Dts >= floor)
        {
            return packet;
        }

        var repaired = packet.Retimed(floor, MediaTime.Max(packet.Pts, floor), packet.Flags);
        packet.Release();
        return repaired;
    }

    private void Leave(Packet packet)
    {
        if (Live is { } live)
        {
            if (packet.Track.Kind == TrackKind.Video)
            {
                Gaps.OnPicture();
            }

            live.Publish(packet);
        }
        else
        {
            packet.Release();
        }
    }
}
