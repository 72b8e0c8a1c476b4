using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>Decides when a feed's subscribers are woken: the one timer of a feed, which runs only while a packet waits. Under the feed's lock.</summary>
internal sealed class FeedGathering : IDisposable
{
    private readonly FeedPace _pace;
    private readonly TimeProvider _clock;
    private readonly ITimer? _timer;
    private Rhythm _pictures = new();
    private Rhythm _sounds = new();
    private TrackKind _awaited;

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

        if (!watched || (Holding && !_pace.Always && kind == _awaited))
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
        _timer.Change(_pace.Hold.ToTimeSpan(), Timeout.InfiniteTimeSpan);
        return false;
    }

    /// <summary>What was held is on its way.</summary>
    public void Stop()
    {
        if (Holding)
        {
            Holding = false;
            _timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer?.Dispose();

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
