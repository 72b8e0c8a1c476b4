using Transcoder.Media.Packets;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>One AMF3 value, and the same bytes as the value of a data message, which players get in AMF0: not much longer than it came.</summary>
internal static class Amf3Target
{
    // Text that is referred to may be written out again, up to 64 KiB; small values become eight bytes longer.
    private const int Growth = 12;
    private const int Referred = 3 << 16;

    private static readonly byte[] Head = [0, 2, 0, 10, .. "onMetaData"u8, Amf0Marker.Amf3];

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 2000, 1 << 22, static (bytes, pool) =>
    {
        var nodes = 0;
        var reader = new Amf3Reader(bytes, 0, 0);
        if (reader.TryRead(out var value))
        {
            Promise.Holds(reader.Position <= bytes.Length, "read past the end");
            AmfTree.Check(value, hasReferences: false, ref nodes);
            Promise.Holds(nodes <= reader.Values, "more values came out than were counted");
        }

        byte[] body = [.. Head, .. bytes];
        var buffer = pool.Rent(body.Length);
        body.CopyTo(buffer.Span);
        var demuxer = new MessageDemuxer(pool);
        if (demuxer.TryDemux(new RtmpMessage(MessageType.DataAmf3, 5, 1, 0, buffer, body.Length), out var packet))
        {
            Check(packet, body.Length);
        }

        Promise.Holds(!demuxer.HasNext, "two packets of one data message");
    });

    private static void Check(Packet packet, int length)
    {
        var size = packet.Payload.Length;
        var reader = new Amf0Reader(packet.Payload.Span);
        var isRead = reader.TryReadString(out var name) && name == "onMetaData";
        packet.Release();
        Promise.Holds(isRead && !reader.HasAmf3, "players get data that AMF0 does not read");
        Promise.Holds(size <= (Growth * length) + Referred, $"{size} bytes of {length}");
    }
}
