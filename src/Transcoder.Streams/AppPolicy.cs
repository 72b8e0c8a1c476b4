using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;

namespace Transcoder.Streams;

/// <summary>What the house does with the streams of one application. Immutable; equality decides what a reload restarts.</summary>
public sealed record AppPolicy
{
    /// <summary>Renditions to make of each source; empty: the source only.</summary>
    public IReadOnlyList<RenditionSpec> Ladder { get; init; } = [];

    /// <summary>How a rendition's stream is called: <c>{stream}</c> and <c>{rendition}</c> are replaced.</summary>
    public string RenditionTemplate { get; init; } = "{stream}_{rendition}";

    /// <summary>The keyframe grid. 2 s is what CDNs ask for.</summary>
    public MediaTime KeyframeInterval { get; init; } = MediaTime.FromMilliseconds(2_000);

    /// <summary>How long a lost publisher may take to come back and continue the same renditions. OBS tries again after 2 s, 4 s, 8 s.</summary>
    public TimeSpan ReconnectGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A publisher silent this long may be replaced by another one with a valid key.</summary>
    public TimeSpan TakeoverAfter { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a player may wait for a stream that does not exist yet.</summary>
    public TimeSpan PlayWait { get; init; } = TimeSpan.FromSeconds(5);

    public FeedLimits Limits { get; init; } = new();
}
