using Transcoder.LoadGenerator;
using Xunit;

namespace Transcoder.UnitTests.LoadGenerator;

public sealed class JudgementTests
{
    private static readonly LoadPlan Players = new("clip", 2_500_000, 1, 500, TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(5));
    private static readonly ServerProgram Nginx = ServerProgram.Parse("nginx=/usr/sbin/nginx");

    private static readonly LoadResult Peer = new()
    {
        GigabitsPerSecond = 1,
        CpuShare = 0.10,
        DelayMedian = 4,
        Delay99 = 16,
        MemoryPerPeerKib = 16,
        LateJoinMedian = 1800,
        LateJoinLongest = 1900,
        LateJoinKeyframes = 1,
    };

    private static readonly LoadResult Good = Peer with { CpuShare = 0.08, DelayMedian = 3, Delay99 = 12, MemoryPerPeerKib = 12, LateJoinMedian = 3, LateJoinLongest = 9 };

    private static string[] Misses(string server, LoadPlan plan, params LoadResult[] runs) =>
        Misses(new Measured(ServerProgram.Parse(server), plan, runs), new Measured(Nginx, plan, [.. runs.Select(_ => Peer)]));

    private static string[] Misses(params Measured[] all) => [.. Judgement.Of(all).Where(verdict => !verdict.Pass).Select(verdict => verdict.Measure)];

    [Fact]
    public void What_keeps_every_bound_passes_and_the_peer_is_not_judged()
    {
        Assert.Empty(Misses("a=transcoder@balanced", Players, Good));
        Assert.Empty(Misses("a=transcoder@throughput", Players, Good with { CpuShare = 0.03, DelayMedian = 160, Delay99 = 340 }));
        Assert.Empty(Misses("a=transcoder", Players with { Players = 0, Publishers = 200 }, new LoadResult { CpuShare = 0.12, MemoryPerPeerKib = 100 }));
    }

    [Fact]
    public void Each_bound_that_is_missed_is_named()
    {
        var bad = new LoadResult
        {
            GigabitsPerSecond = 1,
            CpuShare = 0.09,
            DelayMedian = 5,
            Delay99 = 351,
            Stalls = 1,
            Missing = 1,
            Duplicates = 1,
            Lost = 1,
            FailedJoins = 1,
            MemoryPerPeerKib = 17,
            LateJoinMedian = 11,
            LateJoinKeyframes = 0.9,
            CheckFailed = true,
        };
        string[] always = ["stalls", "packets missing", "packets twice or out of order", "players lost", "joins that failed", "disagreements with ffprobe"];
        string[] players = ["KiB for each player", "ms to a late player's first picture, median", "% of late players that began without a keyframe"];
        Assert.Equal(
            [.. always, "CPU per Gb/s, times nginx's", "delay, median, times nginx's", "delay, 99th percentile, times nginx's", .. players],
            Misses("a=transcoder@balanced", Players with { Check = true }, bad));
        Assert.Equal(
            [.. always, "CPU per Gb/s, times nginx's", "ms of delay, 99th percentile", .. players], Misses("a=transcoder@throughput", Players with { Check = true }, bad));
        Assert.Equal(
            ["CPU, times nginx's", "KiB for each publisher"],
            Misses("a=transcoder", Players with { Players = 0, Publishers = 200 }, new LoadResult { CpuShare = 0.13, MemoryPerPeerKib = 101 }));
    }

    [Fact]
    public void Costs_are_judged_by_the_median_over_the_runs_and_losses_by_the_worst_of_them()
    {
        Assert.Empty(Misses("a=transcoder", Players, Good, Good with { CpuShare = 0.2, MemoryPerPeerKib = 30 }, Good));
        Assert.Equal(["packets missing"], Misses("a=transcoder", Players, Good, Good with { Missing = 1 }, Good));
    }

    [Fact]
    public void Beside_a_viewer_that_is_stuck_the_others_delay_and_the_memory_are_compared_with_the_same_load_without_it()
    {
        var ours = ServerProgram.Parse("a=transcoder");
        string[] With(LoadResult result) => Misses(new Measured(ours, Players, [Good]), new Measured(ours, Players with { Stuck = 1 }, [result]));

        Assert.Empty(With(Good with { GrowthMib = 31 }));
        Assert.Equal(["MiB that the stuck one costs"], With(Good with { GrowthMib = 33 }));
        Assert.Equal(["ms of delay, median, beside one that is stuck"], With(Good with { DelayMedian = 5 }));
        Assert.Equal(["ms of delay, 99th percentile, beside one that is stuck"], With(Good with { Delay99 = 15 }));
    }
}
