using Transcoder.Media.Time;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// How long a feed's packets may wait for others before its subscribers are woken for all of them. A write costs the kernel much the same whatever it carries,
/// so one for two packets is nearly half of the work. A transcoder's reader never waits.
/// </summary>
/// <param name="Hold">How long a packet waits at most: the next one that comes later than this ends it, or the registry's tick where the stream falls silent.</param>
/// <param name="Always">
/// Whether packets wait in any case. Else a picture or a sound waits only for one of the other kind that is due within <paramref name="Hold"/>.
/// </param>
/// <param name="LongHold">
/// How long packets wait, and in any case, where there are so many subscribers that the last one has a packet later than <paramref name="Hold"/> anyway. Zero: as ever.
/// </param>
public sealed record FeedPace(MediaTime Hold, bool Always, MediaTime LongHold = default)
{
    /// <summary>Each packet leaves when it comes.</summary>
    public static readonly FeedPace Low = new(MediaTime.Zero, Always: false);

    /// <summary>
    /// Pictures and sounds that come within 10 ms of each other leave together, whichever is first: at 30 frames a second three of five sounds, so that a third of all
    /// writes is saved. More than half of all packets still wait for nothing. With so many subscribers that the last one has its packets 10 ms late in any case, all wait.
    /// </summary>
    public static readonly FeedPace Balanced = new(MediaTime.FromMilliseconds(10), Always: false, LongHold: MediaTime.FromMilliseconds(14));

    /// <summary>More than three writes a second: with 280 ms and the packet that ends them no packet is 350 ms old when the last subscriber of a thousand has it.</summary>
    public static readonly FeedPace Throughput = new(MediaTime.FromMilliseconds(280), Always: true);
}
