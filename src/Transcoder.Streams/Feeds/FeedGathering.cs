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
    private Rhythm _pictures = new();
    private Rhythm _sounds = new();
    private TrackKind _awaited;
    private long _since;

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

        if (!watched || (Holding && ((kind == _awaited && !pace.Always) || IsOverdue)))
        {
            Stop();
            return true;
        }

        if (Holding)
        {
            return false;
        }

        _awaited = kind == TrackKind.Video ? TrackKind.Audio : TrackKind.Video;
        if (!pace.Always && !RhythmOf(_awaited).IsDue(pace.Hold, clock))
        {
            return true;
        }

        Holding = true;
        _since = clock.GetTimestamp();
        return false;
    }

    /// <summary>Whether what is held has waited long enough.</summary>
    public bool TimeIsUp => Holding && IsOverdue;

    /// <summary>What was held is on its way.</summary>
    public void Stop() => Holding = false;

    private bool IsOverdue => MediaTime.FromTimeSpan(clock.GetElapsedTime(_since)) >= pace.Hold;

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
