using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Planning;

/// <summary>The nominal frame rate where the bitstream states none. Only rate control and frame dropping use it; timestamps never do.</summary>
internal static class FrameRateEstimate
{
    public const double Default = 30;

    private static readonly double[] Common = [12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120];

    /// <summary>A stated rate outside of this is a clock rate in disguise.</summary>
    public static bool IsPlausible(double rate) => rate is >= 1 and <= 240;

    /// <param name="times">Presentation times in order.</param>
    public static double From(IReadOnlyList<MediaTime> times)
    {
        if (times.Count < 2 || times[^1] <= times[0])
        {
            return Default;
        }

        var rate = (times.Count - 1) / (times[^1] - times[0]).Seconds;

        // RTMP rounds to milliseconds: within 3 % of a common rate it is that rate.
        foreach (var common in Common)
        {
            if (Math.Abs(rate - common) <= common * 0.03)
            {
                return common;
            }
        }

        return Math.Clamp(rate, 1, 240);
    }
}
