using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Ports;

/// <summary>
/// One subscriber's view of a live stream: packets in decoding order from a keyframe on, at its own pace. A subscriber that falls too far
/// behind jumps to a later keyframe and the jump is counted; it never slows the stream. One reader at a time.
/// </summary>
public interface IPacketSource : IDisposable
{
    /// <summary>The next packet at once, with a reference that the caller owns; false when there is none yet or the stream has ended.</summary>
    bool TryRead(out Packet packet);

    /// <summary>
    /// From now on what this subscriber waits for may be given to <paramref name="receiver"/> instead of waking it, where it is exactly what all others get.
    /// Before the first wait. A source that has only packets takes no notice.
    /// </summary>
    void DeliverTo(IRunReceiver receiver)
    {
    }

    /// <summary>Waits for a packet. False once the stream has ended and everything was read: see <see cref="EndReason"/>.</summary>
    ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken);

    /// <summary>Why the stream ended; default while it lives.</summary>
    Reason EndReason { get; }

    /// <summary>The tracks of which the stream has had packets in the last seconds, newest facts, at most one of a kind and id.</summary>
    IReadOnlyList<Track> Tracks => [];

    /// <summary>Packets this subscriber lost by falling behind.</summary>
    long DroppedPackets { get; }
}
