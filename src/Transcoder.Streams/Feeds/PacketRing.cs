using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// A feed's packets by sequence number, each with one reference; while nobody reads the feed, packed into a <see cref="PacketLog"/>. Under the feed's lock.
/// </summary>
internal sealed class PacketRing
{
    private const int Smallest = 16;

    private Packet?[] _packets = new Packet?[Smallest];
    private PacketLog? _log;
    private long _head;

    /// <summary>Sequence number of the next packet. Read without the lock.</summary>
    public long Head => Volatile.Read(ref _head);

    /// <summary>Sequence number of the oldest packet.</summary>
    public long Tail { get; private set; }

    public long Count => _head - Tail;

    /// <summary>Payload, in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>DTS of the oldest packet, of which there is one.</summary>
    public MediaTime OldestDts => _log?.OldestDts ?? this[Tail].Dts;

    /// <summary>A packet between tail and head, of a ring that is not packed.</summary>
    public Packet this[long sequence] => _packets[sequence & (_packets.Length - 1)]!;

    /// <summary>Takes over the caller's reference.</summary>
    public void Append(Packet packet)
    {
        Bytes += packet.Payload.Length;
        if (_log is { } log)
        {
            log.Append(packet);
            packet.Release();
        }
        else
        {
            if (Count == _packets.Length)
            {
                Resize(Math.Max(_packets.Length * 2, Smallest));
            }

            _packets[_head & (_packets.Length - 1)] = packet;
        }

        Volatile.Write(ref _head, _head + 1);
    }

    public void DropOldest()
    {
        if (_log is { } log)
        {
            Bytes -= log.DropOldest();
        }
        else
        {
            ref var place = ref _packets[Tail & (_packets.Length - 1)];
            var packet = place!;
            place = null;
            Bytes -= packet.Payload.Length;
            packet.Release();
        }

        Tail++;
    }

    /// <summary>Nobody asks for a packet until <see cref="Unpack"/>.</summary>
    public void Pack()
    {
        if (_log is not null)
        {
            return;
        }

        _log = new PacketLog();
        for (var sequence = Tail; sequence < _head; sequence++)
        {
            var packet = this[sequence];
            _log.Append(packet);
            packet.Release();
        }

        _packets = [];
    }

    /// <summary>The same packets again, over copies of their payloads.</summary>
    public void Unpack()
    {
        if (_log is not { } log)
        {
            return;
        }

        _log = null;
        var size = Smallest;
        while (size < Count)
        {
            size *= 2;
        }

        _packets = new Packet?[size];
        for (var sequence = Tail; sequence < _head; sequence++)
        {
            _packets[sequence & (size - 1)] = log.TakeOldest();
        }

        log.Dispose();
    }

    public void Clear()
    {
        while (Count > 0)
        {
            DropOldest();
        }

        _log?.Dispose();
        _log = null;
    }

    private void Resize(int size)
    {
        var larger = new Packet?[size];
        for (var sequence = Tail; sequence < _head; sequence++)
        {
            larger[sequence & (size - 1)] = this[sequence];
        }

        _packets = larger;
    }
}
