using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// Decides when a feed's subscribers are woken. It has no timer: the next packet ends what has been held long enough, and where none comes the registry's ticker does.
/// Under the feed's lock.
/// </summary>
internal sealed class FeedGathering(FeedPace pace, TimeProvider clock)
{
    // What the average of deliveries goes back to: about a second's.
    private const int AveragedOver = 32;

    private readonly long _began = clock.GetTimestamp();
    private Rhythm _pictures = new();
    private Rhythm _sounds = new();
    private TrackKind _awaited;
    private MediaTime _since;

    // Of what is held now.
    private MediaTime _hold = pace.Hold;
    private bool _always = pace.Always;

    // How long a delivery takes until the last subscriber of its row has it: on average, or, where it must be there in time, the slowest that was not long ago.
    private MediaTime _delivery;

    /// <summary>Packets are waiting for others.</summary>
    public bool Holding { get; private set; }

    /// <param name="watched">Whether anyone would be woken for less.</param>
    /// <returns>Whether the subscribers are to be woken now.</returns>
    public bool Take(Packet packet, bool watched)
    {
        if (pace.Hold == MediaTime.Zero)
        {
            return true;
        }

        var (kind, now) = (packet.Track.Kind, Now);
        if (kind != TrackKind.Data)
        {
            RhythmOf(kind).Note(packet.Dts, now);
        }

        if (!watched || (Holding && ((kind == _awaited && !_always) || IsOverdue(now))))
        {
            Stop();
            return true;
        }

        if (Holding)
        {
            return false;
        }

        ChooseHold();
        _awaited = kind == TrackKind.Video ? TrackKind.Audio : TrackKind.Video;
        if (!_always && !RhythmOf(_awaited).IsDue(now, _hold, pace.Hold))
        {
            return true;
        }

        Holding = true;
        _since = now;
        return false;
    }

    /// <summary>
    /// A delivery that set out at <paramref name="since"/>, a timestamp of the clock, has reached the last of its row. A keyframe's is long on any machine, and counts no more than two long ones, or two holds where that is more.
    /// </summary>
    public void NoteDelivery(long since)
    {
        var most = MediaTime.Max(pace.Hold, pace.Long);
        var took = MediaTime.Min(MediaTime.FromTimeSpan(clock.GetElapsedTime(since)), most + most);
        _delivery = pace.Within > MediaTime.Zero && took > _delivery ? took : new MediaTime(((_delivery.Nanoseconds * (AveragedOver - 1)) + took.Nanoseconds) / AveragedOver);
    }

    /// <summary>Whether what is held has waited long enough.</summary>
    public bool TimeIsUp => Holding && IsOverdue(Now);

    /// <summary>What was held is on its way.</summary>
    public void Stop() => Holding = false;

    private MediaTime Now => MediaTime.FromTimeSpan(clock.GetElapsedTime(_began));

    private bool IsOverdue(MediaTime now) => now - _since >= _hold;

    private void ChooseHold()
    {
        if (pace.Within > MediaTime.Zero)
        {
            _hold = MediaTime.Max(MediaTime.Min(pace.Hold, pace.Within - _delivery), new MediaTime(pace.Hold.Nanoseconds / 2));
        }

        if (pace.Deliveries > 0)
        {
            // Ends a fifth earlier than it begins, or a load near the limit would have both by turns.
            _always = _delivery > (_always ? new MediaTime(pace.Long.Nanoseconds * 4 / 5) : pace.Long);
            _hold = _always ? pace.LongHold : MediaTime.Min(pace.Hold, new MediaTime(_delivery.Nanoseconds * pace.Deliveries));
        }
    }

    private ref Rhythm RhythmOf(TrackKind kind) => ref kind == TrackKind.Video ? ref _pictures : ref _sounds;
}
