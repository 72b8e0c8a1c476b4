using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>Decides when a feed's subscribers are woken. A feed has one timer, which runs only where something waits. Under the feed's lock.</summary>
internal sealed class FeedGathering : IDisposable
{
    // Setting a timer wakes two threads, and one more when it has run, taken back or not: more than the write that is saved. So it is set ten times a second at most, for
    // the case that nothing more comes; else the next packet ends what has been held too long.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(100);

    private readonly FeedPace _pace;
    private readonly TimeProvider _clock;
    private readonly ITimer? _timer;
    private Rhythm _pictures = new();
    private Rhythm _sounds = new();
    private TrackKind _awaited;
    private long _since;
    private bool _isTimed;

    public FeedGathering(FeedPace pace, TimeProvider clock, Action wake)
    {
        _pace = pace;
        _clock = clock;
        if (pace.Hold > MediaTime.Zero)
        {
            _timer = clock.CreateTimer(static state => ((Action)state!)(), wake, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Packets are waiting for others.</summary>
    public bool Holding { get; private set; }

    /// <param name="watched">Whether anyone would be woken for less.</param>
    /// <returns>Whether the subscribers are to be woken now.</returns>
    public bool Take(Packet packet, bool watched)
    {
        if (_timer is null)
        {
            return true;
        }

        var kind = packet.Track.Kind;
        if (kind != TrackKind.Data)
        {
            RhythmOf(kind).Note(packet.Dts, _clock.GetTimestamp());
        }

        if (!watched || (Holding && !_pace.Always && (kind == _awaited || IsOverdue)))
        {
            Stop();
            return true;
        }

        if (Holding)
        {
            return false;
        }

        _awaited = kind == TrackKind.Video ? TrackKind.Audio : TrackKind.Video;
        if (!_pace.Always && !RhythmOf(_awaited).IsDue(_pace.Hold, _clock))
        {
            return true;
        }

        Holding = true;
        _since = _clock.GetTimestamp();
        if (!_isTimed)
        {
            SetTimer();
        }

        return false;
    }

    /// <summary>By the timer.</summary>
    /// <returns>Whether what is held has waited long enough.</returns>
    public bool TimeIsUp()
    {
        _isTimed = false;
        if (!Holding)
        {
            return false;
        }

        if (_pace.Always || IsOverdue)
        {
            return true;
        }

        SetTimer();
        return false;
    }

    /// <summary>What was held is on its way.</summary>
    public void Stop() => Holding = false;

    public void Dispose() => _timer?.Dispose();

    private bool IsOverdue => MediaTime.FromTimeSpan(_clock.GetElapsedTime(_since)) >= _pace.Hold;

    private void SetTimer()
    {
        _isTimed = true;
        _timer!.Change(_pace.Always ? _pace.Hold.ToTimeSpan() : Silence, Timeout.InfiniteTimeSpan);
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
