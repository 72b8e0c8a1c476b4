namespace Transcoder.Media.Bitstreams;

/// <summary>The facts of an AV1 sequence header OBU (AV1 specification §5.5).</summary>
/// <param name="Level">seq_level_idx of the first operating point.</param>
/// <param name="FrameRate">From the timing information; 0 where it has none.</param>
public readonly record struct Av1SequenceHeader(
    int Profile,
    int Level,
    int Tier,
    int BitDepth,
    bool IsMonochrome,
    int SubsamplingX,
    int SubsamplingY,
    int ChromaSamplePosition,
    bool IsFullRange,
    int Width,
    int Height,
    double FrameRate)
{
    private const int SelectScreenContentTools = 2;

    /// <param name="payload">Of the OBU, without its header.</param>
    public static bool TryParse(ReadOnlySpan<byte> payload, out Av1SequenceHeader header)
    {
        var bits = new BitReader(payload);
        var profile = (int)bits.ReadBits(3);
        bits.Skip(1);
        var isReduced = bits.ReadFlag();
        var level = 0;
        var tier = 0;
        var rate = 0.0;
        if (isReduced)
        {
            level = (int)bits.ReadBits(5);
        }
        else
        {
            ReadOperatingPoints(ref bits, out level, out tier, out rate);
        }

        var widthBits = (int)bits.ReadBits(4) + 1;
        var heightBits = (int)bits.ReadBits(4) + 1;
        var width = (int)bits.ReadBits(widthBits) + 1;
        var height = (int)bits.ReadBits(heightBits) + 1;
        if (!isReduced && bits.ReadFlag())
        {
            bits.Skip(7);
        }

        bits.Skip(3);
        if (!isReduced)
        {
            SkipTools(ref bits);
        }

        bits.Skip(3);
        header = ReadColour(ref bits, profile) with { Profile = profile, Level = level, Tier = tier, Width = width, Height = height, FrameRate = rate };
        if (bits.IsExhausted || profile > 2)
        {
            header = default;
            return false;
        }

        return true;
    }

    private static void ReadOperatingPoints(ref BitReader bits, out int level, out int tier, out double rate)
    {
        rate = 0;
        var hasDecoderModel = false;
        var delayBits = 0;
        if (bits.ReadFlag())
        {
            var unitsInTick = bits.ReadBits(32);
            var timeScale = bits.ReadBits(32);

            // Without equal_picture_interval the tick is a clock and no frame duration; encoders set it to the frame rate all the same.
            var ticks = bits.ReadFlag() ? bits.ReadUvlc() + 1.0 : 1;
            rate = ParameterSetSyntax.Rate(timeScale, unitsInTick * ticks);
            hasDecoderModel = bits.ReadFlag();
            if (hasDecoderModel)
            {
                delayBits = (int)bits.ReadBits(5) + 1;
                bits.Skip(42);
            }
        }

        var hasDisplayDelay = bits.ReadFlag();
        var points = (int)bits.ReadBits(5) + 1;
        level = 0;
        tier = 0;
        for (var i = 0; i < points; i++)
        {
            bits.Skip(12);
            var pointLevel = (int)bits.ReadBits(5);
            var pointTier = pointLevel > 7 ? (int)bits.ReadBits(1) : 0;
            if (i == 0)
            {
                level = pointLevel;
                tier = pointTier;
            }

            if (hasDecoderModel && bits.ReadFlag())
            {
                bits.Skip((2 * delayBits) + 1);
            }

            if (hasDisplayDelay && bits.ReadFlag())
            {
                bits.Skip(4);
            }
        }
    }

    private static void SkipTools(ref BitReader bits)
    {
        bits.Skip(4);
        var hasOrderHint = bits.ReadFlag();
        bits.Skip(hasOrderHint ? 2 : 0);
        var screenContent = bits.ReadFlag() ? SelectScreenContentTools : bits.ReadBits(1);
        if (screenContent > 0 && !bits.ReadFlag())
        {
            bits.Skip(1);
        }

        bits.Skip(hasOrderHint ? 3 : 0);
    }

    /// <summary>color_config() (§5.5.2).</summary>
    private static Av1SequenceHeader ReadColour(ref BitReader bits, int profile)
    {
        var isHigh = bits.ReadFlag();
        var depth = profile == 2 && isHigh ? bits.ReadFlag() ? 12 : 10 : isHigh ? 10 : 8;
        var isMonochrome = profile != 1 && bits.ReadFlag();
        uint primaries = 2;
        uint transfer = 2;
        uint matrix = 2;
        if (bits.ReadFlag())
        {
            primaries = bits.ReadBits(8);
            transfer = bits.ReadBits(8);
            matrix = bits.ReadBits(8);
        }

        var colour = new Av1SequenceHeader { BitDepth = depth, IsMonochrome = isMonochrome, SubsamplingX = 1, SubsamplingY = 1 };
        if (isMonochrome)
        {
            return colour with { IsFullRange = bits.ReadFlag() };
        }

        // BT.709 primaries with sRGB transfer and identity matrix is RGB.
        if (primaries == 1 && transfer == 13 && matrix == 0)
        {
            return colour with { IsFullRange = true, SubsamplingX = 0, SubsamplingY = 0 };
        }

        colour = colour with { IsFullRange = bits.ReadFlag() };
        if (profile == 1)
        {
            return colour with { SubsamplingX = 0, SubsamplingY = 0 };
        }

        if (profile == 2)
        {
            var x = depth != 12 || bits.ReadFlag() ? 1 : 0;
            var y = depth == 12 && x == 1 && bits.ReadFlag() ? 1 : 0;
            colour = colour with { SubsamplingX = x, SubsamplingY = y };
        }

        return colour.SubsamplingY == 1 ? colour with { ChromaSamplePosition = (int)bits.ReadBits(2) } : colour;
    }
}
