using System.Threading.Channels;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Rtmp;

/// <summary>Yields the packets that the test gives it.</summary>
public sealed class FakePacketSource : IPacketSource
{
    private readonly Channel<Packet> _packets = Channel.CreateUnbounded<Packet>();

    public Reason EndReason { get; private set; }

    public long DroppedPackets { get; set; }

    public IReadOnlyList<Track> Tracks { get; set; } = [];

    public bool IsDisposed { get; private set; }

    /// <summary>Takes over the caller's reference.</summary>
    public void Write(Packet packet)
    {
        if (!_packets.Writer.TryWrite(packet))
        {
            packet.Release();
        }
    }

    public void End(Reason reason)
    {
        EndReason = reason;
        _packets.Writer.TryComplete();
    }

    public bool TryRead(out Packet packet) => _packets.Reader.TryRead(out packet!);

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) => _packets.Reader.WaitToReadAsync(cancellationToken);

    public void Dispose()
    {
        IsDisposed = true;
        _packets.Writer.TryComplete();
        while (_packets.Reader.TryRead(out var packet))
        {
            packet.Release();
        }
    }
}
