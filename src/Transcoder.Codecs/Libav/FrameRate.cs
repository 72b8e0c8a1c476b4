namespace Transcoder.Codecs.Libav;

/// <summary>Nominal rates as FFmpeg wants them, in whole numbers.</summary>
internal static class FrameRate
{
    private const double Fallback = 30;

    /// <summary>29.97 and its kin become 30000/1001; anything else is kept to a thousandth.</summary>
    public static (int Numerator, int Denominator) From(double rate)
    {
        if (!(rate is > 0 and < 1000))
        {
            rate = Fallback;
        }

        var whole = Math.Round(rate);
        if (Math.Abs(rate - whole) < 0.0005)
        {
            return ((int)whole, 1);
        }

        var up = Math.Ceiling(rate);
        return Math.Abs(rate - (up * 1000 / 1001)) < 0.005 ? ((int)up * 1000, 1001) : ((int)Math.Round(rate * 1000), 1000);
    }

    /// <summary>The simplest fraction near a sample aspect ratio; H.264 and HEVC have 16 bits for each part.</summary>
    public static (int Numerator, int Denominator) Ratio(double value)
    {
        if (!(value is > 0.01 and < 100) || Math.Abs(value - 1) < 0.0005)
        {
            return (1, 1);
        }

        for (var denominator = 1; denominator < 600; denominator++)
        {
            var numerator = Math.Round(value * denominator);
            if (Math.Abs((numerator / denominator) - value) < 0.00001 * value)
            {
                return ((int)numerator, denominator);
            }
        }

        return ((int)Math.Round(value * 600), 600);
    }
}
