using System.Buffers.Binary;

namespace Transcoder.Rtmp.Chunks;

/// <summary>
/// Puts messages into chunks (RTMP 1.0 §5.3.1). Every message begins with a type 0 header, so that its bytes do not depend on what was sent before and one
/// image serves every subscriber; the extended timestamp is repeated in type 3 chunks, as the specification asks and all readers met accept.
/// </summary>
internal static class ChunkWriter
{
    /// <summary>Where the message stream id lies in an image: behind a one-byte basic header, time, length and type.</summary>
    public const int StreamIdOffset = 1 + 3 + 3 + 1;

    /// <summary>Of a message's first chunk, and of all others.</summary>
    public const int LargestHeader = 12 + 4;
    public const int LargestContinuation = 1 + 4;

    public static int SizeOf(int length, uint timestamp, int chunkSize)
    {
        var extended = IsExtended(timestamp) ? 4 : 0;
        var continuations = length == 0 ? 0 : (length - 1) / chunkSize;
        return 12 + extended + length + (continuations * (1 + extended));
    }

    /// <summary>Writes a message whose body is <paramref name="head"/> followed by <paramref name="payload"/>.</summary>
    /// <param name="chunkStreamId">2 to 63: the one-byte form.</param>
    /// <returns>Bytes written: <see cref="SizeOf"/>.</returns>
    public static int Write(
        Span<byte> destination, byte chunkStreamId, MessageType type, uint streamId, uint timestamp, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload, int chunkSize)
    {
        var left = chunkSize;
        var position = WriteHeader(destination, chunkStreamId, type, streamId, timestamp, head.Length + payload.Length);
        position = Part(destination, position, head, chunkStreamId, timestamp, chunkSize, ref left);
        return Part(destination, position, payload, chunkStreamId, timestamp, chunkSize, ref left);
    }

    /// <summary>Writes what comes before the payload: the first chunk's header and <paramref name="head"/>, which fits that chunk.</summary>
    /// <returns>Bytes written.</returns>
    public static int WriteHead(Span<byte> destination, byte chunkStreamId, MessageType type, uint streamId, uint timestamp, ReadOnlySpan<byte> head, int payloadLength)
    {
        var position = WriteHeader(destination, chunkStreamId, type, streamId, timestamp, head.Length + payloadLength);
        head.CopyTo(destination[position..]);
        return position + head.Length;
    }

    /// <summary>Writes the header of a message's chunks behind the first.</summary>
    /// <returns>Bytes written.</returns>
    public static int WriteContinuation(Span<byte> destination, byte chunkStreamId, uint timestamp)
    {
        destination[0] = (byte)(0xC0 | chunkStreamId);
        if (!IsExtended(timestamp))
        {
            return 1;
        }

        BinaryPrimitives.WriteUInt32BigEndian(destination[1..], timestamp);
        return LargestContinuation;
    }

    private static bool IsExtended(uint timestamp) => timestamp >= 0xFFFFFF;

    private static int WriteHeader(Span<byte> destination, byte chunkStreamId, MessageType type, uint streamId, uint timestamp, int length)
    {
        var extended = IsExtended(timestamp);
        destination[0] = chunkStreamId;
        WriteUInt24(destination[1..], extended ? 0xFFFFFF : timestamp);
        WriteUInt24(destination[4..], (uint)length);
        destination[7] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], streamId);
        if (!extended)
        {
            return 12;
        }

        BinaryPrimitives.WriteUInt32BigEndian(destination[12..], timestamp);
        return LargestHeader;
    }

    private static int Part(
        Span<byte> destination, int position, ReadOnlySpan<byte> bytes, byte chunkStreamId, uint timestamp, int chunkSize, ref int left)
    {
        while (!bytes.IsEmpty)
        {
            if (left == 0)
            {
                position += WriteContinuation(destination[position..], chunkStreamId, timestamp);
                left = chunkSize;
            }

            var take = Math.Min(left, bytes.Length);
            bytes[..take].CopyTo(destination[position..]);
            position += take;
            left -= take;
            bytes = bytes[take..];
        }

        return position;
    }

    private static void WriteUInt24(Span<byte> destination, uint value)
    {
        destination[0] = (byte)(value >> 16);
        destination[1] = (byte)(value >> 8);
        destination[2] = (byte)value;
    }
}
