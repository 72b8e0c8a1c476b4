using Transcoder.Media.Buffers;

namespace Transcoder.Rtmp.Chunks;

/// <summary>One whole message. The holder owns one reference on <see cref="Buffer"/> and passes it on or releases it.</summary>
/// <param name="Offset">Where it stands in the block, which small messages share.</param>
/// <param name="Timestamp">Absolute, 32-bit milliseconds.</param>
internal readonly record struct RtmpMessage(MessageType Type, uint ChunkStreamId, uint StreamId, uint Timestamp, MediaBuffer Buffer, int Length, int Offset = 0)
{
    public ReadOnlySpan<byte> Body => Buffer.Span.Slice(Offset, Length);

    public ReadOnlyMemory<byte> Memory => Buffer.Memory.Slice(Offset, Length);
}
