namespace Transcoder.Streams.Resources;

/// <summary>Frames that come to an engine: how many a second, how much work a second, and the work's second moment. Adding and removing are exact inverses up to rounding.</summary>
internal readonly record struct EngineLoad(double Rate, double Work, double Square)
{
    /// <param name="rate">Frames a second.</param>
    /// <param name="work">Work of one frame: pixels of reference work, on the CPU core seconds.</param>
    public static EngineLoad Of(double rate, double work) => new(rate, rate * work, rate * work * work);

    public static EngineLoad operator +(EngineLoad a, EngineLoad b) => new(a.Rate + b.Rate, a.Work + b.Work, a.Square + b.Square);

    public static EngineLoad operator -(EngineLoad a, EngineLoad b) =>
        new(Math.Max(0, a.Rate - b.Rate), Math.Max(0, a.Work - b.Work), Math.Max(0, a.Square - b.Square));
}

/// <summary>
/// The model that placement minimises. An engine is one queue: frames of all its sessions arrive at random to each other (M/G/1), each takes its work divided
/// by the engine's capacity.
/// <list type="bullet">
/// <item>Utilisation ρ = work a second ÷ capacity.</item>
/// <item>Mean wait W = Σ λ·s² ÷ 2(1−ρ) seconds (Pollaczek–Khinchine), s being a frame's own time in the engine; at most <see cref="LongestWait"/>, because a
/// rendition's queue holds three frames and drops what is later.</item>
/// <item>Lost share ℓ = overload ÷ ρ. Capacity is not known exactly, so overload is not max(0, ρ−1) but its mean under a logistic error of
/// <see cref="CapacityError"/>: a softplus, 0.1 % at ρ = 0.8 and 4 % at ρ = 1.</item>
/// <item>Cost = Σλ·W + ρ + <see cref="LostFrameSeconds"/>·Σλ·ℓ: by Little's law the frames that wait or are encoded at any moment, plus the frames lost each
/// second, one of which is as bad as one that comes a second late.</item>
/// </list>
/// Streams from one clock are less random than this, and a ladder's frames arrive together, which is more; a chip with several engines waits less than one
/// of their sum. So the figures rank places and show when one becomes late; they are not a promise of milliseconds.
/// </summary>
internal static class EngineQueue
{
    public const double LongestWait = 0.1;
    public const double CapacityError = 0.05;
    public const double LostFrameSeconds = 1;

    // Past this the wait is at its bound anyway.
    private const double LeastSlack = 0.001;

    public static double Utilisation(in EngineLoad load, double capacity) => load.Work / capacity;

    /// <summary>Seconds.</summary>
    public static double Wait(in EngineLoad load, double capacity) =>
        Math.Min(LongestWait, load.Square / (capacity * capacity) / (2 * Math.Max(LeastSlack, 1 - (load.Work / capacity))));

    /// <summary>Share of frames, 0 to 1.</summary>
    public static double Loss(in EngineLoad load, double capacity)
    {
        var utilisation = load.Work / capacity;
        if (utilisation <= 0)
        {
            return 0;
        }

        var over = (utilisation - 1) / CapacityError;
        var overload = over > 30 ? utilisation - 1 : CapacityError * Math.Log(1 + Math.Exp(over));
        return Math.Min(1, overload / utilisation);
    }

    public static double Cost(in EngineLoad load, double capacity) =>
        (load.Rate * (Wait(load, capacity) + (LostFrameSeconds * Loss(load, capacity)))) + (load.Work / capacity);
}
