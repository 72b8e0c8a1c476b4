namespace Transcoder.LoadGenerator;

/// <summary>Prints results as they come; at the end each server's medians and how far its runs lie apart, and what that makes of the bounds.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private readonly List<(ServerProgram Server, LoadPlan Plan, LoadResult Result)> _results = [];

    private IReadOnlyList<Measured> All =>
        [.. _results.GroupBy(result => (result.Plan, result.Server)).Select(runs => new Measured(runs.Key.Server, runs.Key.Plan, [.. runs.Select(run => run.Result)]))];

    public void Add(ServerProgram server, LoadPlan plan, LoadResult result)
    {
        if (_results.Count == 0)
        {
            output.WriteLine("server         publishers:players   Gb/s  % core  % core per Gb/s  delay p50/p99 ms  stalls  missing  twice/gaps/back  lost  failed joins  KiB each  growth MiB  late join ms median/longest (keyframes)");
        }

        _results.Add((server, plan, result));
        output.WriteLine(
            $"{server.Name,-14} {plan.Name,18} {result.GigabitsPerSecond,6:0.00} {result.CpuShare * 100,7:0.0} {result.CpuPerGigabit * 100,16:0.0} {result.DelayMedian,9:0.0}/{result.Delay99,-7:0.0} {result.Stalls,6} {result.Missing,8} {$"{result.Duplicates}/{result.Gaps}/{result.StepsBack}",16} {result.Lost,5} {result.FailedJoins,13} {result.MemoryPerPeerKib,9:0.0} {result.GrowthMib,11:0.0} {result.LateJoinMedian,14:0.0}/{result.LateJoinLongest:0.0} ({result.LateJoinKeyframes:0 %}) {result.Checked}");
    }

    /// <param name="reference">The name of the server that the others' CPU is compared with, each run with its own.</param>
    public void PrintSummary(string reference)
    {
        output.WriteLine();
        output.WriteLine($"medians (lowest to highest) over the runs; CPU against {reference}'s in the same run");
        foreach (var measured in All)
        {
            var other = All.FirstOrDefault(other => other.Server.Name == reference && other.Plan == measured.Plan);
            string Spread(Func<LoadResult, double> figure, string format = "0.0") => Text(Figures.Of(measured.Runs.Select(figure)), format);
            var ratio = other is null ? "" : $"CPU x{Text(Figures.Of(measured.Runs.Zip(other.Runs, (own, its) => own.CpuShare / its.CpuShare)), "0.00")}, ";
            var players = measured.Plan.Players == 0 ? "" : $"% core per Gb/s {Spread(run => run.CpuPerGigabit * 100)}, delay p50 {Spread(run => run.DelayMedian)} p99 {Spread(run => run.Delay99)} ms, ";
            output.WriteLine($"{measured.Server.Name,-14} {measured.Plan.Name,18}: {ratio}{players}KiB each {Spread(run => run.MemoryPerPeerKib)}, late join {Spread(run => run.LateJoinMedian)} ms, longest {Spread(run => run.LateJoinLongest)} ms");
        }
    }

    /// <returns>Whether every bound is kept.</returns>
    public bool PrintVerdicts()
    {
        var verdicts = Judgement.Of(All);
        output.WriteLine();
        output.WriteLine("bounds: median (lowest to highest) over the runs");
        foreach (var verdict in verdicts)
        {
            output.WriteLine(verdict);
        }

        output.WriteLine($"{verdicts.Count(verdict => verdict.Pass)} of {verdicts.Count} bounds are kept");
        return verdicts.All(verdict => verdict.Pass);
    }

    private static string Text(Figures figures, string format) =>
        $"{figures.Median.ToString(format)} ({figures.Lowest.ToString(format)} to {figures.Highest.ToString(format)})";
}
