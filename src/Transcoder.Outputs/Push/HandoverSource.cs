using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Outputs.Push;

/// <summary>A reader that can be made to end in front of a keyframe, so that one connection stops there and the next goes on with it. One user at a time.</summary>
/// <param name="isDue">Asked before each packet at which a connection may begin.</param>
internal sealed class HandoverSource(IPacketSource source, Func<bool> isDue) : IPacketSource
{
    private Packet? _held;

    /// <summary>It ended for a handover, not with its stream.</summary>
    public bool IsStopped { get; private set; }

    public Reason EndReason => source.EndReason;

    public long DroppedPackets => source.DroppedPackets;

    public IReadOnlyList<Track> Tracks => source.Tracks;

    /// <summary>Goes on with the packet in front of which it stopped.</summary>
    public void Resume() => IsStopped = false;

    public bool TryRead(out Packet packet)
    {
        packet = null!;
        if (IsStopped)
        {
            return false;
        }

        if (_held is { } held)
        {
            packet = held;
            _held = null;
            return true;
        }

        if (!source.TryRead(out packet))
        {
            return false;
        }

        if (!IsBoundary(packet) || !isDue())
        {
            return true;
        }

        _held = packet;
        packet = null!;
        IsStopped = true;
        return false;
    }

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) =>
        IsStopped ? new(false) : _held is not null ? new(true) : source.WaitToReadAsync(cancellationToken);

    /// <summary>Gives back what it held; the source itself belongs to who made it.</summary>
    public void Dispose()
    {
        _held?.Release();
        _held = null;
    }

    private bool IsBoundary(Packet packet) =>
        packet.Track is { Kind: TrackKind.Video, Id: 0 } ? packet.IsKeyframe : packet.Track.Kind == TrackKind.Audio && !source.Tracks.Any(static track => track.Kind == TrackKind.Video);
}
