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
    private MediaTime _lastPicture = MediaTime.MinValue;
    private MediaTime _pictureInterval;
    private long _lastPictureArrival;

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

    /// <param name="isRead">Whether there is anybody to hold the packet for.</param>
    /// <returns>Whether the subscribers are to be woken now.</returns>
    public bool Take(Packet packet, bool isRead)
    {
        if (_timer is null)
        {
            return true;
        }

        if (packet.Track.Kind == TrackKind.Video)
        {
            Note(packet.Dts);
            if (!_pace.HoldsPictures)
            {
                Stop();
                return true;
            }
        }

        if (!isRead)
        {
            return true;
        }

        if (Holding)
        {
            return false;
        }

        if (!_pace.HoldsPictures && !PictureIsDue())
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

    private void Note(MediaTime dts)
    {
        if (_lastPicture != MediaTime.MinValue && dts > _lastPicture)
        {
            _pictureInterval = dts - _lastPicture;
        }

        _lastPicture = dts;
        _lastPictureArrival = _clock.GetTimestamp();
    }

    private bool PictureIsDue()
    {
        if (_pictureInterval <= MediaTime.Zero)
        {
            return false;
        }

        // One that is late by more than a hold is not waited for: the source may have stopped sending pictures.
        var due = _pictureInterval - MediaTime.FromTimeSpan(_clock.GetElapsedTime(_lastPictureArrival));
        return due <= _pace.Hold && due > -_pace.Hold;
    }
}
