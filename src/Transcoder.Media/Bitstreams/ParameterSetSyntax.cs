using System.Buffers.Binary;

namespace Transcoder.Media.Bitstreams;

/// <summary>What AVC and HEVC share: VUI timing and shape, and arrays of NAL units in a configuration record.</summary>
internal static class ParameterSetSyntax
{
    /// <summary>Larger than any level allows; keeps hostile sizes from overflowing what is computed from them.</summary>
    public const uint MaxDimension = 32768;

    private const int ExtendedSar = 255;

    // H.264 table E-1, H.265 table E.1.
    private static ReadOnlySpan<byte> SarWidths => [0, 1, 12, 10, 16, 40, 24, 20, 32, 80, 18, 15, 64, 160, 4, 3, 2];

    private static ReadOnlySpan<byte> SarHeights => [0, 1, 11, 11, 11, 33, 11, 11, 11, 33, 11, 11, 33, 99, 3, 2, 1];

    /// <returns>1 where it is square, unspecified or nonsense.</returns>
    public static double ReadSampleAspectRatio(ref BitReader bits)
    {
        if (!bits.ReadFlag())
        {
            return 1;
        }

        var index = (int)bits.ReadBits(8);
        if (index == ExtendedSar)
        {
            var width = bits.ReadBits(16);
            var height = bits.ReadBits(16);
            return width == 0 || height == 0 ? 1 : width / (double)height;
        }

        return index == 0 || index >= SarWidths.Length ? 1 : SarWidths[index] / (double)SarHeights[index];
    }

    /// <summary>overscan, video_signal_type and chroma_loc of the VUI.</summary>
    public static bool SkipColour(ref BitReader bits)
    {
        if (bits.ReadFlag())
        {
            bits.Skip(1);
        }

        var isFullRange = false;
        if (bits.ReadFlag())
        {
            bits.Skip(3);
            isFullRange = bits.ReadFlag();
            if (bits.ReadFlag())
            {
                bits.Skip(24);
            }
        }

        if (bits.ReadFlag())
        {
            bits.ReadUnsignedGolomb();
            bits.ReadUnsignedGolomb();
        }

        return isFullRange;
    }

    /// <summary>Rates outside of these bounds are rubbish that encoders write when they do not know.</summary>
    public static double Rate(double numerator, double denominator)
    {
        var rate = denominator > 0 ? numerator / denominator : 0;
        return rate is > 0.01 and <= 1000 ? rate : 0;
    }

    /// <summary>A NAL unit behind its 16-bit length.</summary>
    public static bool TryReadNal(ReadOnlySpan<byte> record, ref int position, out ReadOnlySpan<byte> nal)
    {
        nal = default;
        if (record.Length - position < 2)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(record[position..]);
        if (record.Length - position - 2 < length)
        {
            return false;
        }

        nal = record.Slice(position + 2, length);
        position += 2 + length;
        return true;
    }

    public static void WriteNal(MemoryStream record, ReadOnlySpan<byte> nal)
    {
        record.WriteByte((byte)(nal.Length >> 8));
        record.WriteByte((byte)nal.Length);
        record.Write(nal);
    }
}
