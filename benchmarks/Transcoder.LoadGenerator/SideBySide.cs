namespace Transcoder.LoadGenerator;

/// <summary>
/// Loads on several servers in one run, counted in turns of a few seconds while the others' streams stand still: within minutes a machine's speed drifts by more than
/// servers differ. Every other round goes the other way, so that a steady drift meets all alike.
/// </summary>
internal static class SideBySide
{
    // A player's memory is counted from when the server has got as far as it will with its streams: it has had the whole clip, ten seconds, and as much again as it keeps.
    private static readonly TimeSpan Fill = TimeSpan.FromSeconds(18);

    // Two of the clip's GOPs: whichever part of one a turn begins in, it is given about the same bytes.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(4);

    // Of a turn: the caches are another server's at first.
    private static readonly TimeSpan Lead = TimeSpan.FromSeconds(1);

    /// <returns>In the order of <paramref name="loads"/>.</returns>
    public static async Task<IReadOnlyList<LoadResult>> MeasureAsync(
        IReadOnlyList<(LoadPlan Plan, string Application, ProcessFigures Server)> loads, CancellationToken stop)
    {
        using var rounds = new ReadingRounds();
        LoadRun[] inOrder = [.. loads.Select(load => new LoadRun(load.Plan, load.Application, load.Server, rounds, stop))];
        LoadRun[] runs = [.. inOrder];
        try
        {
            foreach (var run in runs)
            {
                await run.WarmUpAsync();
            }

            await Task.WhenAll(runs.Select(run => run.PublishAsync()));
            await Task.Delay(Fill, stop);
            foreach (var run in runs)
            {
                await run.JoinAsync();
            }

            for (var counted = TimeSpan.Zero; counted < loads[0].Plan.Duration; counted += Turn)
            {
                foreach (var run in runs)
                {
                    await run.CountAsync(Lead, Turn);
                }

                Array.Reverse(runs);
            }

            var results = new Dictionary<LoadRun, LoadResult>();
            foreach (var run in runs)
            {
                results[run] = await run.EndAsync();
            }

            return [.. inOrder.Select(run => results[run])];
        }
        finally
        {
            foreach (var run in runs)
            {
                await run.DisposeAsync();
            }
        }
    }
}
