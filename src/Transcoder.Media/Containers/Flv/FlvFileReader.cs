using System.Buffers.Binary;

namespace Transcoder.Media.Containers.Flv;

public enum FlvReadResult : byte
{
    Tag,

    /// <summary>Call again with more bytes behind the ones that were not consumed.</summary>
    NeedMore,

    /// <summary>No FLV; the reader stays here.</summary>
    Damaged,
}

/// <param name="Type">May be a number that <see cref="FlvTagType"/> does not name, as those of encrypted tags: skip it.</param>
/// <param name="Timestamp">Milliseconds, 32 bits.</param>
/// <param name="BodyOffset">Into the bytes that were given to the reader.</param>
public readonly record struct FlvFileTag(FlvTagType Type, uint Timestamp, int BodyOffset, int BodyLength)
{
    public ReadOnlySpan<byte> Body(ReadOnlySpan<byte> bytes) => bytes.Slice(BodyOffset, BodyLength);
}

/// <summary>Reads FLV 10.1 annex E without I/O: the caller brings bytes and keeps what was not consumed. The previous-tag-size fields are skipped: real files have wrong ones.</summary>
public sealed class FlvFileReader
{
    private const int MinHeaderSize = 9;

    // Arbitrary: no file has a longer header than the nine bytes of version 1.
    private const int MaxHeaderSize = 1024;

    private bool _started;
    private bool _damaged;

    /// <param name="consumed">To be dropped by the caller once it is done with the tag, whose offsets count from the first byte of <paramref name="bytes"/>.</param>
    public FlvReadResult Read(ReadOnlySpan<byte> bytes, out int consumed, out FlvFileTag tag)
    {
        consumed = 0;
        tag = default;
        if (_damaged)
        {
            return FlvReadResult.Damaged;
        }

        var position = 0;
        if (!_started)
        {
            var result = ReadHeader(bytes, out position);
            if (result != FlvReadResult.Tag)
            {
                _damaged = result == FlvReadResult.Damaged;
                return result;
            }
        }

        if (bytes.Length - position < FlvFileWriter.TagHeaderSize)
        {
            return FlvReadResult.NeedMore;
        }

        var header = bytes[position..];
        var length = FlvBytes.ReadUInt24(header[1..]);
        var size = FlvFileWriter.TagHeaderSize + length + FlvFileWriter.TagTrailerSize;
        if (header.Length < size)
        {
            return FlvReadResult.NeedMore;
        }

        _started = true;
        var timestamp = (uint)FlvBytes.ReadUInt24(header[4..]) | (uint)header[7] << 24;
        tag = new FlvFileTag((FlvTagType)(header[0] & 0x3F), timestamp, position + FlvFileWriter.TagHeaderSize, length);
        consumed = position + size;
        return FlvReadResult.Tag;
    }

    private static FlvReadResult ReadHeader(ReadOnlySpan<byte> bytes, out int position)
    {
        position = 0;
        var magic = "FLV"u8;
        if (!magic[..Math.Min(bytes.Length, magic.Length)].SequenceEqual(bytes[..Math.Min(bytes.Length, magic.Length)]))
        {
            return FlvReadResult.Damaged;
        }

        if (bytes.Length < MinHeaderSize)
        {
            return FlvReadResult.NeedMore;
        }

        var size = BinaryPrimitives.ReadUInt32BigEndian(bytes[5..]);
        if (size is < MinHeaderSize or > MaxHeaderSize)
        {
            return FlvReadResult.Damaged;
        }

        position = (int)size + FlvFileWriter.TagTrailerSize;
        return bytes.Length < position ? FlvReadResult.NeedMore : FlvReadResult.Tag;
    }
}
