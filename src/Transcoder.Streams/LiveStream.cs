using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Feeds;

namespace Transcoder.Streams;

/// <summary>
/// A source or a rendition: the two are the same kind of thing, and every output subscribes here without knowing which it is.
/// Written by one publisher (a connection or a worker's link), read by any number.
/// </summary>
public sealed class LiveStream
{
    private readonly TimeProvider _clock;
    private readonly long _created;

    public LiveStream(StreamName name, FeedLimits limits, TimeProvider clock)
    {
        Name = name;
        Feed = new StreamFeed(limits, clock);
        StartedAt = clock.GetUtcNow();
        _clock = clock;
        _created = clock.GetTimestamp();
    }

    public StreamName Name { get; }

    public StreamFeed Feed { get; }

    public StreamMeter Meter { get; } = new();

    public DateTimeOffset StartedAt { get; }

    public TimeSpan Age => _clock.GetElapsedTime(_created);

    /// <summary>Default while the stream lives.</summary>
    public Reason EndReason => Feed.EndReason;

    /// <summary>Track 0, which is what is transcoded.</summary>
    public Track? Video => Feed.Tracks.FirstOrDefault(t => t is { Kind: TrackKind.Video, Id: 0 });

    /// <summary>Track 0.</summary>
    public Track? Audio => Feed.Tracks.FirstOrDefault(t => t is { Kind: TrackKind.Audio, Id: 0 });

    /// <summary>Appends to the feed; takes over the caller's reference.</summary>
    public void Publish(Packet packet)
    {
        Meter.Count(packet);
        Feed.Publish(packet);
    }
}
