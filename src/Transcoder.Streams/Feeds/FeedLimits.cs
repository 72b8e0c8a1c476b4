using Transcoder.Media.Time;

namespace Transcoder.Streams.Feeds;

/// <summary>How much of a stream is kept in memory, and how far a subscriber may fall behind. All bounds hold at once.</summary>
public sealed record FeedLimits
{
    /// <summary>Kept at least this long where the byte limit allows: a subscriber this slow loses nothing. Arbitrary; twice a player's usual buffer.</summary>
    public MediaTime Keep { get; init; } = MediaTime.FromMilliseconds(6_000);

    /// <summary>
    /// A stream that nobody has read for this long keeps only what a new subscriber begins with. A transcoder that is replaced must find what it had not read.
    /// </summary>
    public MediaTime UnreadAfter { get; init; } = MediaTime.FromMilliseconds(6_000);

    /// <summary>The newest keyframe and the one before it are kept beyond <see cref="Keep"/>, but no longer than this: an endless GOP can't eat memory.</summary>
    public MediaTime KeepAtMost { get; init; } = MediaTime.FromMilliseconds(30_000);

    /// <summary>Bytes of payload. 32 MiB is 20 s of a 12 Mb/s source.</summary>
    public long MaxBytes { get; init; } = 32 << 20;

    /// <summary>Packets: about 60 s of 60 fps video with audio.</summary>
    public int MaxPackets { get; init; } = 8192;

    /// <summary>What delay buys: fewer and larger writes.</summary>
    public FeedPace Pace { get; init; } = FeedPace.Low;

    /// <summary>A subscriber further behind jumps to the newest keyframe.</summary>
    public MediaTime SubscriberLag { get; init; } = MediaTime.FromMilliseconds(5_000);

    /// <summary>A transcoder's reader further behind slows the publisher down.</summary>
    public MediaTime TranscoderLag { get; init; } = MediaTime.FromMilliseconds(3_000);

    /// <summary>The longest that one packet waits for the transcoder; after it the transcoder's reader is treated as any other. Longer than a worker's restart.</summary>
    public TimeSpan TranscoderStall { get; init; } = TimeSpan.FromSeconds(10);
}
