using System.Buffers;
using System.Buffers.Binary;
using Transcoder.Media.Buffers;

namespace Transcoder.Rtmp.Chunks;

/// <summary>How far a read got.</summary>
internal enum ChunkReadResult
{
    NeedMore,
    Message,
    Malformed,
    LimitExceeded,
}

/// <summary>What a peer may make us hold.</summary>
/// <param name="PartialBytes">What the blocks of unfinished messages take together.</param>
internal readonly record struct ChunkLimits(int MessageSize, int ChunkStreams, int PartialBytes)
{
    // Players and command traffic use 3 to 6 chunk streams; 64 leaves room for multitrack encoders.
    public static readonly ChunkLimits Default = new(1 << 24, 64, 1 << 25);
}

/// <summary>
/// Takes chunks apart (RTMP 1.0 §5.3) and assembles each message in one pooled block that the packets made of it later slice. Does no I/O: it is given
/// whatever bytes there are and says how many it took. Set Chunk Size and Abort act here, before the next chunk is read. Not thread safe.
/// </summary>
internal sealed partial class ChunkReader(MediaBufferPool pool, ChunkLimits limits) : IDisposable
{
    public const int DefaultChunkSize = 128;
    public const int LargestChunkSize = 0xFFFFFF;

    private const int LongestHeader = 3 + 11 + 4;

    // What a type 3 chunk that begins a message right after a type 0 header means is disputed: that header's time field once more, says the specification, and FFmpeg
    // writes so where the distance happens to be the same; librtmp means the same time again. Between messages that follow each other distances are this short.
    private const uint LongestFirstDelta = 1000;

    // A few, so each is looked at.
    private readonly List<ChunkStream> _streams = [];
    private ChunkStream? _current;
    private int _chunkLeft;
    private long _partialBytes;
    private ExtendedDialect _dialect;

    /// <summary>Whether type 3 chunks repeat an extended timestamp: the specification says so, older librtmp and FFmpeg did not. Learned per connection.</summary>
    private enum ExtendedDialect
    {
        Unknown,
        Repeated,
        Omitted,
    }

    public int ChunkSize { get; private set; } = DefaultChunkSize;

    /// <summary>May be changed between messages; a message under assembly goes on under the new ones.</summary>
    public ChunkLimits Limits { get; set; } = limits;

    /// <summary>Messages given up half-way: aborted, or overtaken by a new header on their chunk stream.</summary>
    public long AbandonedMessages { get; private set; }

    /// <summary>Why the last read was <see cref="ChunkReadResult.Malformed"/> or <see cref="ChunkReadResult.LimitExceeded"/>.</summary>
    public string Problem { get; private set; } = "";

    /// <summary>Takes bytes from <paramref name="input"/>, which moves past them, until a message is whole or the bytes run out.</summary>
    /// <param name="message">On <see cref="ChunkReadResult.Message"/>: owned by the caller.</param>
    public ChunkReadResult Read(ref ReadOnlySequence<byte> input, out RtmpMessage message)
    {
        message = default;
        while (true)
        {
            if (_current is null)
            {
                var header = ReadHeader(ref input);
                if (header != ChunkReadResult.Message)
                {
                    DropUnshared();
                    return header;
                }
            }

            var stream = _current!;
            if (!TakePayload(stream, ref input))
            {
                return ChunkReadResult.NeedMore;
            }

            _current = null;
            if (stream.Received < stream.Length)
            {
                continue;
            }

            message = new RtmpMessage(stream.Type, stream.Id, stream.StreamId, stream.Timestamp, stream.Body!, stream.Length, stream.Offset);
            _partialBytes -= BlockFor(stream, stream.Received);
            stream.Body = null;
            stream.InMessage = false;
            if (message.Type is not (MessageType.SetChunkSize or MessageType.Abort))
            {
                return ChunkReadResult.Message;
            }

            var applied = Apply(message);
            message.Buffer.Release();
            message = default;
            if (!applied)
            {
                return ChunkReadResult.Malformed;
            }
        }
    }

    public void Dispose()
    {
        foreach (var stream in _streams)
        {
            stream.Body?.Release();
            stream.Body = null;
        }

        _streams.Clear();
        _current = null;
        _shared?.Release();
        _shared = null;
    }

    /// <returns>Message when a header was taken and <see cref="_current"/> stands in a chunk.</returns>
    private ChunkReadResult ReadHeader(ref ReadOnlySequence<byte> input)
    {
        Span<byte> copy = stackalloc byte[LongestHeader];
        var window = input.Length > LongestHeader ? input.Slice(0, LongestHeader) : input;
        var bytes = window.IsSingleSegment ? window.FirstSpan : Flatten(window, copy);
        if (bytes.IsEmpty)
        {
            return ChunkReadResult.NeedMore;
        }

        var format = bytes[0] >> 6;
        var idLength = (bytes[0] & 0x3F) switch { 0 => 2, 1 => 3, _ => 1 };
        var position = idLength + format switch { 0 => 11, 1 => 7, 2 => 3, _ => 0 };
        if (bytes.Length < position)
        {
            return ChunkReadResult.NeedMore;
        }

        var id = idLength switch
        {
            2 => 64u + bytes[1],
            3 => 64u + BinaryPrimitives.ReadUInt16LittleEndian(bytes[1..]),
            _ => bytes[0] & 0x3Fu,
        };

        var stream = StreamOf(id);

        // librtmp opens a chunk stream with a type 1 ping, which stands on its own; types 2 and 3 would need a length that nobody gave.
        if (stream is null && format >= 2)
        {
            return Fail(ChunkReadResult.Malformed, $"chunk stream {id} begins with a type {format} header");
        }

        var fields = bytes[idLength..];
        var extendedField = 0u;
        if (format == 3)
        {
            if (stream!.Extended && !TakeRepeatedTime(stream, bytes[position..], ref position))
            {
                return ChunkReadResult.NeedMore;
            }
        }
        else
        {
            extendedField = ReadUInt24(fields);
            if (extendedField == 0xFFFFFF)
            {
                if (bytes.Length < position + 4)
                {
                    return ChunkReadResult.NeedMore;
                }

                extendedField = BinaryPrimitives.ReadUInt32BigEndian(bytes[position..]);
                position += 4;
            }
        }

        if (stream is null)
        {
            if (_streams.Count >= Limits.ChunkStreams)
            {
                return Fail(ChunkReadResult.LimitExceeded, $"more than {Limits.ChunkStreams} chunk streams");
            }

            stream = new ChunkStream(id);
            _streams.Add(stream);
        }

        if (format != 3)
        {
            // A new header never continues the old message.
            Abandon(stream);
            stream.Extended = ReadUInt24(fields) == 0xFFFFFF;
            stream.ExtendedField = extendedField;
            if (format < 2)
            {
                stream.Length = (int)ReadUInt24(fields[3..]);
                stream.Type = (MessageType)fields[6];
            }
        }

        if (!stream.InMessage)
        {
            switch (format)
            {
                case 0:
                    stream.Timestamp = extendedField;
                    stream.Delta = extendedField < LongestFirstDelta ? extendedField : 0;
                    stream.StreamId = BinaryPrimitives.ReadUInt32LittleEndian(fields[7..]);
                    break;
                case 3:
                    stream.Timestamp += stream.Delta;
                    break;
                default:
                    stream.Delta = extendedField;
                    stream.Timestamp += extendedField;
                    break;
            }

            if (stream.Length > Limits.MessageSize)
            {
                return Fail(ChunkReadResult.LimitExceeded, $"a message of {stream.Length} bytes, the limit is {Limits.MessageSize}");
            }

            stream.InMessage = true;
            stream.Received = 0;
        }

        input = input.Slice(position);
        _current = stream;
        _chunkLeft = Math.Min(ChunkSize, stream.Length - stream.Received);
        return _partialBytes - BlockFor(stream, stream.Received) + BlockFor(stream, stream.Received + _chunkLeft) > Limits.PartialBytes
            ? Fail(ChunkReadResult.LimitExceeded, $"more than {Limits.PartialBytes} bytes in unfinished messages")
            : ChunkReadResult.Message;
    }

    /// <returns>False when more bytes are needed to decide.</returns>
    private bool TakeRepeatedTime(ChunkStream stream, ReadOnlySpan<byte> next, ref int position)
    {
        if (_dialect == ExtendedDialect.Omitted)
        {
            return true;
        }

        // Peers repeat the field, which is a delta after a type 1 or 2 header, or the absolute time.
        Span<byte> field = stackalloc byte[4];
        Span<byte> absolute = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(field, stream.ExtendedField);
        BinaryPrimitives.WriteUInt32BigEndian(absolute, stream.Timestamp);
        next = next[..Math.Min(4, next.Length)];
        if (next.SequenceEqual(field[..next.Length]) || next.SequenceEqual(absolute[..next.Length]))
        {
            if (next.Length < 4)
            {
                return false;
            }

            _dialect = ExtendedDialect.Repeated;
            position += 4;
        }
        else if (_dialect == ExtendedDialect.Unknown)
        {
            _dialect = ExtendedDialect.Omitted;
        }

        return true;
    }

    /// <returns>True once the chunk's payload is all there.</returns>
    private bool TakePayload(ChunkStream stream, ref ReadOnlySequence<byte> input)
    {
        var take = (int)Math.Min(_chunkLeft, input.Length);
        if (take > 0 || stream.Length == 0)
        {
            var needed = stream.Received + take;
            var body = Grow(stream, needed);
            input.Slice(0, take).CopyTo(body.Span[(stream.Offset + stream.Received)..]);
            input = input.Slice(take);
            _partialBytes += BlockFor(stream, needed) - BlockFor(stream, stream.Received);
            stream.Received = needed;
            _chunkLeft -= take;
        }

        return _chunkLeft == 0;
    }

    private ChunkStream? StreamOf(uint id)
    {
        foreach (var stream in _streams)
        {
            if (stream.Id == id)
            {
                return stream;
            }
        }

        return null;
    }

    private void Abandon(ChunkStream stream)
    {
        if (stream.InMessage)
        {
            AbandonedMessages++;
            _partialBytes -= BlockFor(stream, stream.Received);
            stream.Body?.Release();
            stream.Body = null;
            stream.InMessage = false;
        }
    }

    private bool Apply(RtmpMessage message)
    {
        if (message.Length < 4)
        {
            Fail(ChunkReadResult.Malformed, $"{message.Type} of {message.Length} bytes");
            return false;
        }

        var value = BinaryPrimitives.ReadUInt32BigEndian(message.Body);
        if (message.Type == MessageType.Abort)
        {
            if (StreamOf(value) is { } aborted)
            {
                Abandon(aborted);
            }

            return true;
        }

        if (value is 0 or > int.MaxValue)
        {
            Fail(ChunkReadResult.Malformed, $"chunk size {value}");
            return false;
        }

        ChunkSize = (int)Math.Min(value, LargestChunkSize);
        return true;
    }

    private ChunkReadResult Fail(ChunkReadResult result, string problem)
    {
        Problem = problem;
        return result;
    }

    private static ReadOnlySpan<byte> Flatten(ReadOnlySequence<byte> window, Span<byte> copy)
    {
        window.CopyTo(copy);
        return copy[..(int)window.Length];
    }

    private static uint ReadUInt24(ReadOnlySpan<byte> bytes) => (uint)((bytes[0] << 16) | (bytes[1] << 8) | bytes[2]);
}
