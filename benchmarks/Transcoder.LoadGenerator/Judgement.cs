namespace Transcoder.LoadGenerator;

/// <summary>What one server did under one load, run by run, beside what the reference did in the same runs.</summary>
internal sealed record Measured(ServerProgram Server, LoadPlan Plan, IReadOnlyList<LoadResult> Runs);

/// <param name="Measure">What is bounded, in words.</param>
/// <param name="Format">Of the figures, for a person.</param>
internal sealed record Verdict(Measured Of, string Measure, Figures Figures, double Bound, string Format)
{
    public bool Pass => Figures.Median <= Bound;

    public override string ToString()
    {
        string Text(double value) => value.ToString(Format);
        return $"{(Pass ? "pass" : "MISS")}  {Of.Server.Name,-12} {Of.Plan.Name,14}  {Measure}: {Text(Figures.Median)} ({Text(Figures.Lowest)} to {Text(Figures.Highest)}), at most {Text(Bound)}";
    }
}

/// <summary>The bounds that the server is held to, on medians over the runs. What may never happen counts in the run where it happened most.</summary>
internal static class Judgement
{
    private const double Balanced = 0.85;
    private const double Throughput = 0.35;
    private const double ThroughputDelay = 350;
    private const double PlayerKib = 16;
    private const double LateJoin = 10;
    private const double Publishers = 1.2;
    private const double PublisherKib = 100;

    // The feed's own, MaxBytes: what a viewer that does not read could make the server keep.
    private const double QueueMib = 32;

    // What "does not move" allows for: runs of the same load differ by as much.
    private const double DelayRatio = 1.1;
    private const double DelayMargin = 1;

    public static IReadOnlyList<Verdict> Of(IReadOnlyList<Measured> all) =>
        [.. all.Where(measured => measured.Server.IsOurs).SelectMany(measured => Of(measured, Same(all, measured, other => other.Server.IsNginx), Same(all, measured, other => other.Server == measured.Server, stuck: 0)))];

    private static Measured? Same(IReadOnlyList<Measured> all, Measured measured, Func<Measured, bool> wanted, int? stuck = null) =>
        all.FirstOrDefault(other => wanted(other) && other.Plan == measured.Plan with { Stuck = stuck ?? measured.Plan.Stuck });

    private static IEnumerable<Verdict> Of(Measured measured, Measured? nginx, Measured? undisturbed)
    {
        Verdict Median(string measure, Func<LoadResult, double> figure, double bound, string format) =>
            new(measured, measure, Figures.Of(measured.Runs.Select(figure)), bound, format);
        Verdict Ratio(string measure, Measured to, Func<LoadResult, double> figure, double bound) =>
            new(measured, measure, Figures.Of(measured.Runs.Zip(to.Runs, (own, other) => figure(own) / figure(other))), bound, "0.00");
        Verdict Never(string measure, Func<LoadResult, double> figure)
        {
            var figures = Figures.Of(measured.Runs.Select(figure));
            return new(measured, measure, figures with { Median = figures.Highest }, 0, "0");
        }

        if (measured.Plan.Players == 0)
        {
            if (nginx is not null)
            {
                yield return Ratio("CPU, times nginx's", nginx, run => run.CpuShare, Publishers);
            }

            yield return Median("KiB for each publisher", run => run.MemoryPerPeerKib, PublisherKib, "0.0");
            yield break;
        }

        yield return Never("stalls", run => run.Stalls);
        yield return Never("packets missing", run => run.Missing);
        yield return Never("packets twice or out of order", run => run.Duplicates + run.StepsBack);
        yield return Never("players lost", run => run.Lost);
        yield return Never("joins that failed", run => run.FailedJoins);
        if (measured.Plan.Check)
        {
            yield return Never("disagreements with ffprobe", run => run.CheckFailed ? 1 : 0);
        }

        if (measured.Plan.Stuck > 0)
        {
            if (undisturbed is not null)
            {
                yield return Beside("ms of delay, median, beside one that is stuck", run => run.DelayMedian);
                yield return Beside("ms of delay, 99th percentile, beside one that is stuck", run => run.Delay99);
                yield return new(measured, "MiB that the stuck one costs", Figures.Of(measured.Runs.Zip(undisturbed.Runs, (with, without) => with.GrowthMib - without.GrowthMib)), QueueMib, "0.0");
            }

            yield break;
        }

        if (nginx is not null && measured.Server.Latency == "balanced")
        {
            yield return Ratio("CPU per Gb/s, times nginx's", nginx, run => run.CpuPerGigabit, Balanced);
            yield return Ratio("delay, median, times nginx's", nginx, run => run.DelayMedian, 1);
            yield return Ratio("delay, 99th percentile, times nginx's", nginx, run => run.Delay99, 1);
        }
        else if (measured.Server.Latency == "throughput")
        {
            if (nginx is not null)
            {
                yield return Ratio("CPU per Gb/s, times nginx's", nginx, run => run.CpuPerGigabit, Throughput);
            }

            yield return Median("ms of delay, 99th percentile", run => run.Delay99, ThroughputDelay, "0.0");
        }

        yield return Median("KiB for each player", run => run.MemoryPerPeerKib, PlayerKib, "0.0");
        yield return Median("ms to a late player's first picture, median", run => run.LateJoinMedian, LateJoin, "0.0");
        yield return Never("% of late players that began without a keyframe", run => 100 * (1 - run.LateJoinKeyframes));

        Verdict Beside(string measure, Func<LoadResult, double> figure) => Median(
            measure, figure, (Figures.MedianOf(undisturbed!.Runs.Select(figure)) * DelayRatio) + DelayMargin, "0.0");
    }
}
