using Transcoder.Media.Time;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// How long a feed's packets may wait for others before its subscribers are woken for all of them. A write costs the kernel much the same whatever it carries,
/// so one for two packets is nearly half of the work. A transcoder's reader never waits.
/// </summary>
/// <param name="Hold">The longest that any packet but a picture waits.</param>
/// <param name="HoldsPictures">Whether pictures wait as well. Where they do not, sound waits only for a picture that is due within <paramref name="Hold"/>.</param>
public sealed record FeedPace(MediaTime Hold, bool HoldsPictures)
{
    /// <summary>Each packet leaves when it comes.</summary>
    public static readonly FeedPace Low = new(MediaTime.Zero, HoldsPictures: false);

    /// <summary>
    /// Pictures leave when they come and take the sound along that came up to 25 ms before them, which is three quarters of it at 30 frames a second.
    /// More than half of all packets still wait for nothing.
    /// </summary>
    public static readonly FeedPace Balanced = new(MediaTime.FromMilliseconds(25), HoldsPictures: false);

    /// <summary>Three writes a second: with 300 ms no packet is 350 ms old when the last subscriber of a thousand has it.</summary>
    public static readonly FeedPace Throughput = new(MediaTime.FromMilliseconds(300), HoldsPictures: true);
}
