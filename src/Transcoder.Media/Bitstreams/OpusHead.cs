using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Transcoder.Media.Bitstreams;

/// <summary>The Opus identification header (RFC 7845 §5.1).</summary>
/// <param name="PreSkip">Samples at 48 kHz to drop at the start.</param>
/// <param name="InputSampleRate">Of the original, for the record only: Opus always decodes to 48 kHz here.</param>
/// <param name="OutputGain">Q7.8 dB.</param>
/// <param name="ChannelMapping">Empty for mapping family 0.</param>
public sealed record OpusHead(int Channels, int PreSkip, int InputSampleRate, int OutputGain, int MappingFamily, int Streams, int CoupledStreams, ReadOnlyMemory<byte> ChannelMapping)
{
    public const int SampleRate = 48000;

    private const int ShortSize = 19;

    private static ReadOnlySpan<byte> Magic => "OpusHead"u8;

    public static bool TryParse(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out OpusHead? head)
    {
        head = null;

        // The upper four bits are the major version, 0 (§5.1 item 2).
        if (bytes.Length < ShortSize || !bytes.StartsWith(Magic) || bytes[8] >> 4 != 0 || bytes[9] == 0)
        {
            return false;
        }

        int channels = bytes[9];
        int family = bytes[18];
        var hasTable = family != 0;
        if ((!hasTable && channels > 2) || (hasTable && bytes.Length < ShortSize + 2 + channels))
        {
            return false;
        }

        head = new OpusHead(
            channels,
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]),
            (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]), int.MaxValue),
            BinaryPrimitives.ReadInt16LittleEndian(bytes[16..]),
            family,
            hasTable ? bytes[19] : 1,
            hasTable ? bytes[20] : channels - 1,
            hasTable ? bytes.Slice(21, channels).ToArray() : default(ReadOnlyMemory<byte>));
        return true;
    }

    /// <summary>The header for 1 to 8 channels in Vorbis order: mapping family 0 up to stereo, else 1 (§5.1.1.2).</summary>
    public static byte[] Create(int channels, int preSkip, int inputSampleRate)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(channels, 8);
        (int Streams, int Coupled, byte[] Mapping) layout = channels switch
        {
            3 => (2, 1, [0, 2, 1]),
            4 => (2, 2, [0, 1, 2, 3]),
            5 => (3, 2, [0, 4, 1, 2, 3]),
            6 => (4, 2, [0, 4, 1, 2, 3, 5]),
            7 => (4, 3, [0, 4, 1, 2, 3, 5, 6]),
            8 => (5, 3, [0, 6, 1, 2, 3, 4, 5, 7]),
            _ => (1, channels - 1, []),
        };
        var bytes = new byte[channels <= 2 ? ShortSize : ShortSize + 2 + channels];
        Magic.CopyTo(bytes);
        bytes[8] = 1;
        bytes[9] = (byte)channels;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), (ushort)Math.Clamp(preSkip, 0, ushort.MaxValue));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), inputSampleRate);
        if (channels > 2)
        {
            bytes[18] = 1;
            bytes[19] = (byte)layout.Streams;
            bytes[20] = (byte)layout.Coupled;
            layout.Mapping.CopyTo(bytes, 21);
        }

        return bytes;
    }
}
