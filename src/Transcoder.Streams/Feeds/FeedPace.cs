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
/// <param name="Deliveries">
/// A packet waits no longer than so many deliveries take, from when a run sets out until the last of a row has it: where few watch there is little work to be saved. Zero: as long as it may.
/// </param>
/// <param name="LongHold">How long packets wait, and in any case, where deliveries take <paramref name="Long"/> on average. Goes with <paramref name="Deliveries"/>.</param>
/// <param name="Long">A delivery that is too long to make one for each packet. Goes with <paramref name="LongHold"/>.</param>
/// <param name="Within">
/// How old a packet may be when the last subscriber has it: what the slowest of the latest deliveries took is waited less, down to half of <paramref name="Hold"/>, as shorter waits
/// are more work. Zero: as old as it comes.
/// </param>
public sealed record FeedPace(MediaTime Hold, bool Always, int Deliveries = 0, MediaTime LongHold = default, MediaTime Long = default, MediaTime Within = default)
{
    /// <summary>Each packet leaves when it comes.</summary>
    public static readonly FeedPace Low = new(MediaTime.Zero, Always: false);

    /// <summary>
    /// Pictures and sounds that come within 7 ms of each other leave together, whichever is first, where some hundreds watch: of 30 pictures and 47 sounds a second two pictures in three, so that a
    /// quarter of all writes is saved, and three of four packets still wait for nothing. A hundred players are given theirs in less than a millisecond, and nothing waits for more than two.
    /// All wait where a delivery takes 15 ms, nearly as long as it is from one of those writes to the next.
    /// </summary>
    public static readonly FeedPace Balanced = new(
        MediaTime.FromMilliseconds(7), Always: false, Deliveries: 3, LongHold: MediaTime.FromMilliseconds(14), Long: MediaTime.FromMilliseconds(15));

    /// <summary>
    /// More than three writes a second, and one more where a thousand subscribers take their time: 99 of 100 packets are less than 350 ms old when the last of them has them. The
    /// next packet, which ends the wait, and a delivery slower than the latest are in the difference.
    /// </summary>
    public static readonly FeedPace Throughput = new(MediaTime.FromMilliseconds(280), Always: true, Within: MediaTime.FromMilliseconds(325));
}
