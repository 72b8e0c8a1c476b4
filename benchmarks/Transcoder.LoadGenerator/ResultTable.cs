namespace Transcoder.LoadGenerator;

/// <summary>Prints results as they come, and at the end each server's medians against one of them.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private readonly List<(string Server, string Load, LoadResult Result)> _results = [];

    public void Add(string server, LoadPlan plan, LoadResult result)
    {
        if (_results.Count == 0)
        {
            output.WriteLine("server         publishers:players   Gb/s  % core  % core per Gb/s  delay p50/p99 ms  stalls  missing  lost  KiB each  growth MiB  first video ms (keyframes)");
        }

        _results.Add((server, plan.Name, result));
        output.WriteLine(
            $"{server,-14} {plan.Name,18} {result.GigabitsPerSecond,6:0.00} {result.CpuShare * 100,7:0.0} {result.CpuPerGigabit * 100,16:0.0} {result.DelayMedian,9:0.0}/{result.Delay99,-7:0.0} {result.Stalls,6} {result.Missing,8} {result.Lost,5} {result.MemoryPerPeerKib,9:0.0} {result.GrowthMib,11:0.0} {result.FirstVideoMedian,9:0.0} ({result.FirstVideoKeyframes:0 %}) {result.Checked}");
    }

    public void PrintRatios(string reference)
    {
        output.WriteLine();
        output.WriteLine($"against {reference}, each run with its own: CPU for the same load, median (lowest to highest); delays and memory, medians");
        foreach (var load in _results.GroupBy(result => result.Load))
        {
            var references = load.Where(result => result.Server == reference).Select(result => result.Result).ToArray();
            foreach (var server in load.GroupBy(result => result.Server))
            {
                var own = server.Select(result => result.Result).ToArray();
                var ratios = own.Zip(references, (mine, other) => mine.CpuShare / other.CpuShare).Order().ToArray();
                output.WriteLine(
                    $"{server.Key,-14} {load.Key,18}: x{Median(ratios):0.00} ({ratios[0]:0.00} to {ratios[^1]:0.00}), delay {Median(own, r => r.DelayMedian):0.0}/{Median(own, r => r.Delay99):0.0} ms, {Median(own, r => r.MemoryPerPeerKib):0.0} KiB each, first video {Median(own, r => r.FirstVideoMedian):0.0} ms");
            }
        }
    }

    private static double Median(LoadResult[] results, Func<LoadResult, double> figure) => Median([.. results.Select(figure).Order()]);

    private static double Median(double[] sorted) => sorted[sorted.Length / 2];
}
