using Transcoder.Media.Buffers;

namespace Transcoder.Rtmp.Chunks;

/// <summary>What one chunk stream remembers between its chunks: the last header, and the message under assembly.</summary>
internal sealed class ChunkStream(uint id)
{
    public uint Id => id;

    public MessageType Type;
    public uint StreamId;
    public int Length;
    public uint Timestamp;

    // What a type 3 chunk that begins a message adds.
    public uint Delta;

    // The last header's time did not fit 24 bits: type 3 chunks repeat these four bytes, in the dialect of the specification.
    public bool Extended;
    public uint ExtendedField;

    // Set with the message's header; the block comes with its first byte.
    public bool InMessage;

    // Its place in a block: the whole one, or a part of one that other messages share.
    public MediaBuffer? Body;
    public int Offset;
    public int Room;
    public int Received;
}
