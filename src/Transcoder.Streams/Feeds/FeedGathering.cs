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
    private const int Deliveries = 32;

    private Rhythm _pictures = new();
    private Rhythm _sounds = new();
    private TrackKind _awaited;
    private long _since;

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

        var kind = packet.Track.Kind;
        if (kind != TrackKind.Data)
        {
            RhythmOf(kind).Note(packet.Dts, clock.GetTimestamp());
        }

        if (!watched || (Holding && ((kind == _awaited && !_always) || IsOverdue)))
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
        if (!_always && !RhythmOf(_awaited).IsDue(_hold, clock))
        {
            return true;
        }

        Holding = true;
        _since = clock.GetTimestamp();
        return false;
    }

    /// <summary>
    /// A delivery that set out at <paramref name="since"/>, a timestamp of the clock, has reached the last of its row. A keyframe's is long on any machine, and counts no more than two long ones, or two holds where that is more.
    /// </summary>
    public void NoteDelivery(long since)
    {
        var most = MediaTime.Max(pace.Hold, pace.Long);
        var took = MediaTime.Min(MediaTime.FromTimeSpan(clock.GetElapsedTime(since)), most + most);
        _delivery = pace.Within > MediaTime.Zero && took > _delivery ? took : new MediaTime(((_delivery.Nanoseconds * (Deliveries - 1)) + took.Nanoseconds) / Deliveries);
    }

    /// <summary>Whether what is held has waited long enough.</summary>
    public bool TimeIsUp => Holding && IsOverdue;

    /// <summary>What was held is on its way.</summary>
    public void Stop() => Holding = false;

    private bool IsOverdue => MediaTime.FromTimeSpan(clock.GetElapsedTime(_since)) >= _hold;

    private void ChooseHold()
    {
        if (pace.Within > MediaTime.Zero)
        {
            _hold = MediaTime.Max(MediaTime.Min(pace.Hold, pace.Within - _delivery), new MediaTime(pace.Hold.Nanoseconds / 2));
        }

        if (pace.LongHold > pace.Hold)
        {
            // Ends a fifth earlier than it begins, or a load near the limit would have both by turns.
            _always = _delivery > (_always ? new MediaTime(pace.Long.Nanoseconds * 4 / 5) : pace.Long);
            _hold = _always ? pace.LongHold : pace.Hold;
        }
    }

    private ref Rhythm RhythmOf(TrackKind kind) => ref kind == TrackKind.Video ? ref _pictures : ref _sounds;

    /// <summary>When a kind's packets come.</summary>
    private struct Rhythm()
    {
        private MediaTime _last = MediaTime.MinValue;
        private MediaTime _interval;
        private long _arrival;

        public void Note(MediaTime dts, long now)
        {
            if (_last != MediaTime.MinValue && dts > _last)
            {
                _interval = dts - _last;
            }

            _last = dts;
            _arrival = now;
        }

        /// <summary>Whether the next one is to come within <paramref name="hold"/>.</summary>
        public readonly bool IsDue(MediaTime hold, TimeProvider clock)
        {
            if (_interval <= MediaTime.Zero)
            {
                return false;
            }

            // One that is late by more than a hold is not waited for: the source may have stopped sending its kind.
            var due = _interval - MediaTime.FromTimeSpan(clock.GetElapsedTime(_arrival));
            return due <= hold && due > -hold;
        }
    }
}
