using Transcoder.Media.Buffers;

namespace Transcoder.Rtmp.Chunks;

/// <content>The blocks that messages are assembled in.</content>
internal sealed partial class ChunkReader
{
    // An announced length buys nothing before its bytes arrive; then a block of this size, which grows fourfold.
    private const int FirstBlock = 1 << 10;

    // Pictures between keyframes and sound are a few hundred bytes: a block for each would round up, and cost an object, for thousands that a stream keeps.
    private const int SharedBlock = 8 << 10;
    private const int LargestShared = SharedBlock / 4;

    private MediaBuffer? _shared;
    private int _sharedUsed;

    /// <summary>Of a stream that nobody reads nothing is left in the block: its connection holds none until its next message.</summary>
    private void DropUnshared()
    {
        if (_shared is { IsShared: false })
        {
            _shared.Release();
            _shared = null;
        }
    }

    private MediaBuffer Share(ChunkStream stream)
    {
        if (_shared is null || _shared.Capacity - _sharedUsed < stream.Length)
        {
            _shared?.Release();
            _shared = pool.Rent(SharedBlock);
            _sharedUsed = 0;
        }

        _shared.AddReference();
        stream.Body = _shared;
        stream.Offset = _sharedUsed;
        stream.Room = stream.Length;
        _sharedUsed += stream.Length;
        return _shared;
    }

    private MediaBuffer Grow(ChunkStream stream, int needed)
    {
        var body = stream.Body;
        if (body is not null && stream.Room >= needed)
        {
            return body;
        }

        if (body is null && stream.Type is (MessageType.Audio or MessageType.Video) && stream.Length <= LargestShared)
        {
            return Share(stream);
        }

        // A part of a shared block never grows: its room is the whole message's.
        var larger = pool.Rent(BlockFor(stream, needed));
        body?.Span[..stream.Received].CopyTo(larger.Span);
        stream.Body = larger;
        stream.Offset = 0;
        stream.Room = larger.Capacity;
        body?.Release();
        return larger;
    }

    /// <summary>The block that so much of the message needs. It depends on nothing else, so limits are met at the same byte however the bytes arrive.</summary>
    private static int BlockFor(ChunkStream stream, int received)
    {
        if (received == 0)
        {
            return 0;
        }

        var size = FirstBlock;
        while (size < received)
        {
            size *= 4;
        }

        return Math.Min(size, stream.Length);
    }
}
