namespace Transcoder.LoadGenerator;

/// <summary>One figure of several runs.</summary>
internal readonly record struct Figures(double Median, double Lowest, double Highest)
{
    public static Figures Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new(sorted[sorted.Length / 2], sorted[0], sorted[^1]);
    }

    /// <summary>The larger of the two in the middle where their number is even.</summary>
    public static double MedianOf(IEnumerable<double> values) => Of(values).Median;
}
