using System.Diagnostics.CodeAnalysis;

namespace Transcoder.Media.Bitstreams;

/// <summary>The facts of an H.264 SPS (ITU-T H.264 §7.3.2.1.1).</summary>
/// <param name="Width">Cropped, in luma samples.</param>
/// <param name="Height">Cropped, of the whole frame also where fields are coded.</param>
/// <param name="ChromaFormat">chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.</param>
/// <param name="SampleAspectRatio">1 for square and for unknown.</param>
/// <param name="FrameRate">From the VUI; 0 where it has no timing.</param>
/// <param name="IsFramesOnly">frame_mbs_only_flag: false means that interlaced coding may occur.</param>
public sealed record AvcSequenceParameterSet(
    int Profile,
    int Constraints,
    int Level,
    int ChromaFormat,
    int BitDepthLuma,
    int BitDepthChroma,
    int Width,
    int Height,
    double SampleAspectRatio,
    double FrameRate,
    bool IsFramesOnly,
    bool IsFullRange)
{
    // In the order of the standard's condition: these carry chroma format and bit depth.
    internal static bool HasChromaFormat(int profile) =>
        profile is 100 or 110 or 122 or 244 or 44 or 83 or 86 or 118 or 128 or 138 or 139 or 134 or 135;

    /// <param name="nal">With its header byte, with emulation prevention.</param>
    public static bool TryParse(ReadOnlySpan<byte> nal, [NotNullWhen(true)] out AvcSequenceParameterSet? sps)
    {
        sps = null;
        if (nal.Length < 5 || (nal[0] & 0x1F) != AvcNal.Sps)
        {
            return false;
        }

        var bits = new BitReader(nal[1..], removeEmulationPrevention: true);
        var profile = (int)bits.ReadBits(8);
        var constraints = (int)bits.ReadBits(8);
        var level = (int)bits.ReadBits(8);
        bits.ReadUnsignedGolomb();
        uint chroma = 1;
        uint depthLuma = 0;
        uint depthChroma = 0;
        var separatePlanes = false;
        if (HasChromaFormat(profile))
        {
            chroma = bits.ReadUnsignedGolomb();
            separatePlanes = chroma == 3 && bits.ReadFlag();
            depthLuma = bits.ReadUnsignedGolomb();
            depthChroma = bits.ReadUnsignedGolomb();
            bits.Skip(1);
            if (bits.ReadFlag())
            {
                SkipScalingLists(ref bits, chroma == 3 ? 12 : 8);
            }
        }

        bits.ReadUnsignedGolomb();
        switch (bits.ReadUnsignedGolomb())
        {
            case 0:
                bits.ReadUnsignedGolomb();
                break;
            case 1:
                bits.Skip(1);
                bits.ReadSignedGolomb();
                bits.ReadSignedGolomb();
                var cycle = bits.ReadUnsignedGolomb();
                for (uint i = 0; i < cycle && i < 255 && !bits.IsExhausted; i++)
                {
                    bits.ReadSignedGolomb();
                }

                break;
        }

        bits.ReadUnsignedGolomb();
        bits.Skip(1);
        var widthInMacroblocks = bits.ReadUnsignedGolomb();
        var heightInUnits = bits.ReadUnsignedGolomb();
        var framesOnly = bits.ReadFlag();
        if (!framesOnly)
        {
            bits.Skip(1);
        }

        bits.Skip(1);
        if (chroma > 3 || depthLuma > 6 || depthChroma > 6 ||
            widthInMacroblocks >= ParameterSetSyntax.MaxDimension / 16 || heightInUnits >= ParameterSetSyntax.MaxDimension / 16)
        {
            return false;
        }

        long width = (widthInMacroblocks + 1) * 16;
        long height = (heightInUnits + 1) * 16 * (framesOnly ? 1 : 2);
        if (bits.ReadFlag())
        {
            // §7.4.2.1.1: crop units follow the chroma sampling.
            long unitX = chroma is 1 or 2 && !separatePlanes ? 2 : 1;
            long unitY = (chroma == 1 && !separatePlanes ? 2 : 1) * (framesOnly ? 1 : 2);
            width -= unitX * ((long)bits.ReadUnsignedGolomb() + bits.ReadUnsignedGolomb());
            height -= unitY * ((long)bits.ReadUnsignedGolomb() + bits.ReadUnsignedGolomb());
        }

        if (bits.IsExhausted || width <= 0 || height <= 0)
        {
            return false;
        }

        var aspect = 1.0;
        var rate = 0.0;
        var fullRange = false;
        if (bits.ReadFlag())
        {
            aspect = ParameterSetSyntax.ReadSampleAspectRatio(ref bits);
            fullRange = ParameterSetSyntax.SkipColour(ref bits);
            if (bits.ReadFlag())
            {
                var unitsInTick = bits.ReadBits(32);
                var timeScale = bits.ReadBits(32);

                // Two ticks a frame, whether fields are coded or not (§E.2.1).
                rate = bits.IsExhausted ? 0 : ParameterSetSyntax.Rate(timeScale, 2.0 * unitsInTick);
            }
        }

        sps = new AvcSequenceParameterSet(
            profile, constraints, level, (int)chroma, (int)depthLuma + 8, (int)depthChroma + 8, (int)width, (int)height, aspect, rate, framesOnly, fullRange);
        return true;
    }

    private static void SkipScalingLists(ref BitReader bits, int lists)
    {
        for (var list = 0; list < lists && !bits.IsExhausted; list++)
        {
            if (!bits.ReadFlag())
            {
                continue;
            }

            var last = 8;
            var next = 8;
            for (var i = 0; i < (list < 6 ? 16 : 64) && !bits.IsExhausted; i++)
            {
                if (next != 0)
                {
                    next = (last + bits.ReadSignedGolomb()) & 0xFF;
                }

                last = next == 0 ? last : next;
            }
        }
    }
}
