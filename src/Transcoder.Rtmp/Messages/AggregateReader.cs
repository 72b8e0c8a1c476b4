using System.Buffers.Binary;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Takes an aggregate message (RTMP 1.0 §7.1.6) apart: a run of FLV tags whose message stream is the aggregate's and whose times are shifted by what the
/// aggregate's own time differs from the first. Each part is copied into a block of its own, which its packet keeps. Not thread safe.
/// </summary>
internal sealed class AggregateReader(MediaBufferPool pool) : IDisposable
{
    private const int HeaderSize = 11;
    private const int BackPointerSize = 4;

    private RtmpMessage? _aggregate;
    private int _position;
    private uint _shift;

    /// <summary>Takes over the message's block.</summary>
    public void Begin(in RtmpMessage aggregate)
    {
        Dispose();
        _aggregate = aggregate;
        _position = 0;
        _shift = aggregate.Length >= HeaderSize ? unchecked(aggregate.Timestamp - TimeOf(aggregate.Body)) : 0;
    }

    /// <param name="message">Owned by the caller.</param>
    /// <returns>False at the end, and where the rest is cut off.</returns>
    public bool TryRead(out RtmpMessage message)
    {
        message = default;
        if (_aggregate is not { } aggregate)
        {
            return false;
        }

        var rest = aggregate.Body[_position..];
        var size = rest.Length >= HeaderSize ? (rest[1] << 16) | (rest[2] << 8) | rest[3] : int.MaxValue;
        if (size > rest.Length - HeaderSize)
        {
            Dispose();
            return false;
        }

        // The back pointer behind a part says nothing that the next header does not say; the last one is often missing.
        _position = Math.Min(_position + HeaderSize + size + BackPointerSize, aggregate.Length);
        var block = pool.Rent(size);
        rest.Slice(HeaderSize, size).CopyTo(block.Span);
        message = new RtmpMessage((MessageType)rest[0], aggregate.ChunkStreamId, aggregate.StreamId, unchecked(TimeOf(rest) + _shift), block, size);
        return true;
    }

    public void Dispose()
    {
        _aggregate?.Buffer.Release();
        _aggregate = null;
    }

    private static uint TimeOf(ReadOnlySpan<byte> header) => (BinaryPrimitives.ReadUInt32BigEndian(header[4..]) >> 8) | ((uint)header[7] << 24);
}
