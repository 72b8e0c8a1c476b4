using Transcoder.Media.Packets;

namespace Transcoder.Media.Ports;

/// <summary>Where a publisher's packets go. One writer at a time.</summary>
public interface IPacketSink
{
    /// <summary>Takes over the caller's reference. Completes late when a transcoder upstream of its encoder is behind: the publisher then feels TCP pressure.</summary>
    ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken);

    /// <summary>Whether anyone waits for the packets now: else nothing is lost when they come a moment later, several at once. Of the moment; from any thread.</summary>
    bool IsAwaited { get; }

    /// <summary>Told of a track that the publisher sends and nobody gets, and why.</summary>
    void LeaveOut(Reason reason)
    {
    }

    /// <summary>Ends this publisher's turn; the first call's reason wins and later calls do nothing.</summary>
    void Complete(Reason reason);

    /// <summary>Cancelled when the hub ends the turn from its side (takeover, shutdown, silence); <see cref="CloseReason"/> then says why.</summary>
    CancellationToken Closed { get; }

    Reason CloseReason { get; }
}
