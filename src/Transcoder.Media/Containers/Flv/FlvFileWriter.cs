using System.Buffers;
using System.Buffers.Binary;

namespace Transcoder.Media.Containers.Flv;

/// <summary>FLV 10.1 §E.4.1.</summary>
public enum FlvTagType : byte
{
    Audio = 8,
    Video = 9,

    /// <summary>AMF3 script data (E-RTMP v2).</summary>
    ScriptAmf3 = 15,
    Script = 18,
}

/// <summary>Writes FLV 10.1 annex E: bytes for a file or an HTTP response. No state: a tag knows all of its frame.</summary>
public static class FlvFileWriter
{
    public const int FileHeaderSize = 13;
    public const int TagHeaderSize = 11;

    /// <summary>Bytes behind each tag: its size.</summary>
    public const int TagTrailerSize = 4;

    internal const int MaxBodySize = (1 << 24) - 1;

    /// <summary>The file header and the first previous-tag-size.</summary>
    public static void WriteFileHeader(IBufferWriter<byte> output, bool hasAudio, bool hasVideo)
    {
        ArgumentNullException.ThrowIfNull(output);
        var target = output.GetSpan(FileHeaderSize);
        target[..FileHeaderSize].Clear();
        "FLV\u0001"u8.CopyTo(target);
        target[4] = (byte)((hasAudio ? 4 : 0) | (hasVideo ? 1 : 0));
        target[8] = 9;
        output.Advance(FileHeaderSize);
    }

    /// <param name="timestamp">Decoding time in milliseconds; its low 32 bits are written.</param>
    /// <param name="header">What <see cref="FlvVideoTag.WriteHeader"/> and its like wrote; may be empty.</param>
    public static void WriteTag(IBufferWriter<byte> output, FlvTagType type, long timestamp, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(output);
        var bodySize = header.Length + payload.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bodySize, MaxBodySize, nameof(payload));
        var size = TagHeaderSize + bodySize;
        var target = output.GetSpan(size + TagTrailerSize);
        WriteTagHeader(target, type, timestamp, bodySize);
        header.CopyTo(target[TagHeaderSize..]);
        payload.CopyTo(target[(TagHeaderSize + header.Length)..]);
        BinaryPrimitives.WriteInt32BigEndian(target[size..], size);
        output.Advance(size + TagTrailerSize);
    }

    /// <summary>The eleven bytes before a body alone, for writers that gather.</summary>
    public static void WriteTagHeader(Span<byte> target, FlvTagType type, long timestamp, int bodySize)
    {
        target[0] = (byte)type;
        FlvBytes.WriteInt24(target[1..], bodySize);
        FlvBytes.WriteInt24(target[4..], (int)timestamp);
        target[7] = (byte)(timestamp >> 24);
        FlvBytes.WriteInt24(target[8..], 0);
    }
}
