using System.Runtime.InteropServices;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Ingest;

/// <summary>
/// The one place where a source's timestamps are repaired. A publisher's clock is kept as it is (the first publisher's times are the stream's
/// own) except where it cannot be played: a jump that no wall time explains, a step back within a track, or a publisher that comes back with
/// another clock. Audio and video share one offset, so their distance is never changed.
/// </summary>
public sealed class IngestTimeline
{
    // Encoders jitter by tens of milliseconds and mux audio and video up to a few seconds apart; a jump is more than that. Arbitrary between 2 and 10 s.
    private static readonly MediaTime JumpLimit = MediaTime.FromMilliseconds(5_000);
    private static readonly MediaTime StepBackLimit = MediaTime.FromMilliseconds(2_000);
    private static readonly MediaTime AfterJump = MediaTime.FromMilliseconds(40);

    private readonly TimeProvider _clock;
    private MediaTime _offset;
    private MediaTime? _previousOffset;
    private MediaTime _newest = MediaTime.MinValue;
    private MediaTime _lastVideo = MediaTime.MinValue;
    private MediaTime _lastAudio = MediaTime.MinValue;

    // Of tracks other than 0, which few streams have.
    private readonly Dictionary<(TrackKind Kind, byte Id), MediaTime> _lastOfOthers = [];
    private long _lastArrival;
    private bool _newPublisher;

    public IngestTimeline(TimeProvider clock) => _clock = clock;

    /// <summary>Jumps repaired since the start.</summary>
    public long Repairs { get; private set; }

    /// <summary>Steps back within a track that were flattened.</summary>
    public long Reordered { get; private set; }

    /// <summary>Media have come: before, script data have no moment that they belong to.</summary>
    public bool HasBegun => _newest != MediaTime.MinValue;

    /// <summary>The next packet comes from another connection, whose clock says nothing about the last one's.</summary>
    public void BeginPublisher() => _newPublisher = HasBegun;

    /// <summary>Maps a packet's times onto the stream's timeline.</summary>
    /// <returns>True when the timeline was re-based: the packet is a discontinuity.</returns>
    public bool Map(TrackKind kind, ref MediaTime dts, ref MediaTime pts, byte trackId = 0)
    {
        if (kind == TrackKind.Data)
        {
            // Script data is often stamped 0 in mid stream: it belongs to the moment of its arrival.
            dts = pts = _newest;
            return false;
        }

        var now = _clock.GetTimestamp();
        var rebased = HasBegun && Rebase(dts, MediaTime.FromTimeSpan(_clock.GetElapsedTime(_lastArrival, now)));
        var offset = rebased ? _offset : Nearest(dts);
        var mapped = dts + offset;
        ref var last = ref (kind == TrackKind.Video ? ref _lastVideo : ref _lastAudio);
        if (trackId != 0)
        {
            last = ref CollectionsMarshal.GetValueRefOrAddDefault(_lastOfOthers, (kind, trackId), out var known);
            last = known ? last : MediaTime.MinValue;
        }

        if (mapped < last)
        {
            mapped = last;
            Reordered++;
        }

        last = mapped;
        _newest = MediaTime.Max(_newest, mapped);
        _lastArrival = now;

        // A presentation before its decoding (legal in FLV) can't be played.
        pts = MediaTime.Max(pts + offset, mapped);
        dts = mapped;
        return rebased;
    }

    private bool Rebase(MediaTime dts, MediaTime elapsed)
    {
        var mapped = dts + _offset;
        var ahead = mapped - _newest;
        var fits = ahead >= -StepBackLimit && ahead <= JumpLimit + elapsed;
        if (!_newPublisher && (fits || FitsPrevious(dts)))
        {
            return false;
        }

        // After a gap the stream goes on where a viewer's clock now is; after a mere jump, one frame later.
        var target = _newest + (_newPublisher ? MediaTime.Max(elapsed, AfterJump) : MediaTime.Max(MediaTime.Min(elapsed, JumpLimit), AfterJump));
        _previousOffset = _newPublisher ? null : _offset;
        _offset = target - dts;
        _newPublisher = false;
        Repairs++;
        return true;
    }

    // Stragglers of the old clock on the other track, just after a jump.
    private bool FitsPrevious(MediaTime dts) => _previousOffset is { } previous && Distance(dts + previous) <= StepBackLimit;

    private MediaTime Nearest(MediaTime dts) =>
        FitsPrevious(dts) && Distance(dts + _offset) > StepBackLimit ? _previousOffset!.Value : _offset;

    private MediaTime Distance(MediaTime mapped) => mapped >= _newest ? mapped - _newest : _newest - mapped;
}
