using System.Diagnostics.CodeAnalysis;

namespace Transcoder.Media.Bitstreams;

/// <summary>The facts of an HEVC SPS (ITU-T H.265 §7.3.2.2).</summary>
/// <param name="ProfileTierLevel">The 12 general bytes as they stand in hvcC: profile space, tier and profile; compatibility; constraints; level.</param>
/// <param name="Width">Cropped by the conformance window, in luma samples.</param>
/// <param name="FrameRate">From the VUI; 0 where it has no timing.</param>
public sealed record HevcSequenceParameterSet(
    ReadOnlyMemory<byte> ProfileTierLevel,
    int TemporalLayers,
    bool IsTemporalIdNested,
    int ChromaFormat,
    int BitDepthLuma,
    int BitDepthChroma,
    int Width,
    int Height,
    double SampleAspectRatio,
    double FrameRate,
    bool IsFullRange)
{
    private const int MaxShortTermSets = 64;
    private const int MaxPictures = 16;

    public int Profile => ProfileTierLevel.Span[0] & 0x1F;

    public bool IsHighTier => (ProfileTierLevel.Span[0] & 0x20) != 0;

    /// <summary>Thirty times the level: 93 is 3.1.</summary>
    public int Level => ProfileTierLevel.Span[11];

    /// <param name="nal">With its header, with emulation prevention.</param>
    public static bool TryParse(ReadOnlySpan<byte> nal, [NotNullWhen(true)] out HevcSequenceParameterSet? sps)
    {
        sps = null;
        if (nal.Length < 3 || ((nal[0] >> 1) & 0x3F) != HevcNal.Sps)
        {
            return false;
        }

        var bits = new BitReader(nal[2..], removeEmulationPrevention: true);
        bits.Skip(4);
        var subLayers = (int)bits.ReadBits(3);
        var nested = bits.ReadFlag();
        var profileTierLevel = new byte[12];
        for (var i = 0; i < profileTierLevel.Length; i++)
        {
            profileTierLevel[i] = (byte)bits.ReadBits(8);
        }

        SkipSubLayers(ref bits, subLayers);
        bits.ReadUnsignedGolomb();
        var chroma = bits.ReadUnsignedGolomb();
        var separatePlanes = chroma == 3 && bits.ReadFlag();
        long width = bits.ReadUnsignedGolomb();
        long height = bits.ReadUnsignedGolomb();
        if (bits.ReadFlag())
        {
            long unitX = chroma is 1 or 2 && !separatePlanes ? 2 : 1;
            long unitY = chroma == 1 && !separatePlanes ? 2 : 1;
            width -= unitX * ((long)bits.ReadUnsignedGolomb() + bits.ReadUnsignedGolomb());
            height -= unitY * ((long)bits.ReadUnsignedGolomb() + bits.ReadUnsignedGolomb());
        }

        var depthLuma = bits.ReadUnsignedGolomb();
        var depthChroma = bits.ReadUnsignedGolomb();
        if (bits.IsExhausted || subLayers > 6 || chroma > 3 || depthLuma > 8 || depthChroma > 8 ||
            width is <= 0 or > ParameterSetSyntax.MaxDimension || height is <= 0 or > ParameterSetSyntax.MaxDimension)
        {
            return false;
        }

        var aspect = 1.0;
        var rate = 0.0;
        var fullRange = false;
        if (TrySkipToVui(ref bits, subLayers) && bits.ReadFlag())
        {
            ReadVui(ref bits, out aspect, out rate, out fullRange);
        }

        sps = new HevcSequenceParameterSet(
            profileTierLevel, subLayers + 1, nested, (int)chroma, (int)depthLuma + 8, (int)depthChroma + 8, (int)width, (int)height, aspect, rate, fullRange);
        return true;
    }

    private static void SkipSubLayers(ref BitReader bits, int subLayers)
    {
        Span<bool> hasProfile = stackalloc bool[8];
        Span<bool> hasLevel = stackalloc bool[8];
        for (var i = 0; i < subLayers; i++)
        {
            hasProfile[i] = bits.ReadFlag();
            hasLevel[i] = bits.ReadFlag();
        }

        bits.Skip(subLayers > 0 ? 2 * (8 - subLayers) : 0);
        for (var i = 0; i < subLayers; i++)
        {
            bits.Skip((hasProfile[i] ? 88 : 0) + (hasLevel[i] ? 8 : 0));
        }
    }

    /// <returns>False where the rest contradicts itself: size and depth are good, timing stays unknown.</returns>
    private static bool TrySkipToVui(ref BitReader bits, int subLayers)
    {
        var log2MaxPoc = bits.ReadUnsignedGolomb() + 4;
        var first = bits.ReadFlag() ? 0 : subLayers;
        for (var i = first; i <= subLayers; i++)
        {
            bits.ReadUnsignedGolomb();
            bits.ReadUnsignedGolomb();
            bits.ReadUnsignedGolomb();
        }

        for (var i = 0; i < 6; i++)
        {
            bits.ReadUnsignedGolomb();
        }

        if (bits.ReadFlag() && bits.ReadFlag())
        {
            SkipScalingLists(ref bits);
        }

        bits.Skip(2);
        if (bits.ReadFlag())
        {
            bits.Skip(8);
            bits.ReadUnsignedGolomb();
            bits.ReadUnsignedGolomb();
            bits.Skip(1);
        }

        if (log2MaxPoc > 16 || !TrySkipShortTermSets(ref bits))
        {
            return false;
        }

        if (bits.ReadFlag())
        {
            var count = bits.ReadUnsignedGolomb();
            if (count > 32)
            {
                return false;
            }

            bits.Skip((int)(count * (log2MaxPoc + 1)));
        }

        bits.Skip(2);
        return !bits.IsExhausted;
    }

    private static void SkipScalingLists(ref BitReader bits)
    {
        for (var size = 0; size < 4; size++)
        {
            for (var matrix = 0; matrix < 6 && !bits.IsExhausted; matrix += size == 3 ? 3 : 1)
            {
                if (!bits.ReadFlag())
                {
                    bits.ReadUnsignedGolomb();
                    continue;
                }

                var coefficients = Math.Min(64, 1 << (4 + (size << 1)));
                if (size > 1)
                {
                    bits.ReadSignedGolomb();
                }

                for (var i = 0; i < coefficients && !bits.IsExhausted; i++)
                {
                    bits.ReadSignedGolomb();
                }
            }
        }
    }

    /// <summary>st_ref_pic_set() (§7.3.7): a set may be told as a difference from the one before, so the number of pictures in each must be followed.</summary>
    private static bool TrySkipShortTermSets(ref BitReader bits)
    {
        var sets = bits.ReadUnsignedGolomb();
        if (sets > MaxShortTermSets)
        {
            return false;
        }

        var pictures = 0;
        for (var set = 0; set < sets; set++)
        {
            if (set != 0 && bits.ReadFlag())
            {
                bits.Skip(1);
                bits.ReadUnsignedGolomb();
                var kept = 0;
                for (var i = 0; i <= pictures; i++)
                {
                    var isUsed = bits.ReadFlag();
                    kept += isUsed || bits.ReadFlag() ? 1 : 0;
                }

                pictures = kept;
            }
            else
            {
                var negative = bits.ReadUnsignedGolomb();
                var positive = bits.ReadUnsignedGolomb();
                if (negative > MaxPictures || positive > MaxPictures)
                {
                    return false;
                }

                pictures = (int)(negative + positive);
                for (var i = 0; i < pictures; i++)
                {
                    bits.ReadUnsignedGolomb();
                    bits.Skip(1);
                }
            }

            if (bits.IsExhausted || pictures > 2 * MaxPictures)
            {
                return false;
            }
        }

        return true;
    }

    private static void ReadVui(ref BitReader bits, out double aspect, out double rate, out bool fullRange)
    {
        aspect = ParameterSetSyntax.ReadSampleAspectRatio(ref bits);
        fullRange = ParameterSetSyntax.SkipColour(ref bits);
        bits.Skip(3);
        if (bits.ReadFlag())
        {
            for (var i = 0; i < 4; i++)
            {
                bits.ReadUnsignedGolomb();
            }
        }

        rate = 0;
        if (bits.ReadFlag())
        {
            var unitsInTick = bits.ReadBits(32);
            var timeScale = bits.ReadBits(32);
            rate = bits.IsExhausted ? 0 : ParameterSetSyntax.Rate(timeScale, unitsInTick);
        }
    }
}
