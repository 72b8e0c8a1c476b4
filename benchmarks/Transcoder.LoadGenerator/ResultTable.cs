namespace Transcoder.LoadGenerator;

/// <summary>Prints results as they come, and at the end each server's medians against one of them.</summary>
internal sealed class ResultTable(TextWriter output)
{
    private readonly List<(string Server, LoadResult Result)> _results = [];

    public void Add(string server, LoadResult result)
    {
        if (_results.Count == 0)
        {
            output.WriteLine("server       players   Gb/s  % core per Gb/s  delay p50/p99 ms  stalls  missing  lost  KiB/player  first video ms (keyframes)");
        }

        _results.Add((server, result));
        output.WriteLine(
            $"{server,-12} {result.Players,7} {result.GigabitsPerSecond,6:0.00} {result.CpuPerGigabit * 100,16:0.0} {result.DelayMedian,9:0.0}/{result.Delay99,-6:0.0} {result.Stalls,7} {result.Missing,8} {result.Lost,5} {result.MemoryPerPlayerKib,11:0} {result.FirstVideoMedian,9:0} ({result.FirstVideoKeyframes:0 %})");
    }

    public void PrintRatios(string reference)
    {
        output.WriteLine();
        output.WriteLine($"CPU per gigabit against {reference}: median (lowest to highest of the runs)");
        foreach (var load in _results.GroupBy(r => r.Result.Players))
        {
            var references = load.Where(r => r.Server == reference).Select(r => r.Result).ToArray();
            foreach (var server in load.Where(r => r.Server != reference).GroupBy(r => r.Server))
            {
                var ratios = server.Zip(references, (own, other) => own.Result.CpuPerGigabit / other.CpuPerGigabit).Order().ToArray();
                output.WriteLine($"{server.Key,-12} {load.Key,7} players: {ratios[ratios.Length / 2]:0.00} ({ratios[0]:0.00} to {ratios[^1]:0.00})");
            }
        }
    }
}
