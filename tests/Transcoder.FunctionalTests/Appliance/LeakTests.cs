using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class LeakTests(ITestOutputHelper output)
{
    // The thread pool keeps idle threads for a while and grows by one or two under load.
    private const int PooledThreads = 8;

    private sealed record Holdings(int Threads, int FileDescriptors, int Processes, double Buffers, double Packets);

    [Fact]
    public async Task Publishers_that_come_and_go_or_die_leave_nothing_behind()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung, "reconnect_grace: 500ms"));
        var clip = await Clips.OneSecondAsync();
        var endless = await Clips.FlashAndBeepAsync();

        // The first ones fill pools and load code.
        await PublishAsync(appliance, clip, "warm");
        await PublishAsync(appliance, clip, "warm");
        await IdleAsync(appliance);
        await Polling.UntilAsync(() => ProcessTable.Descendants(appliance.ProcessId).Count == 2, "two processes, the warm worker and the monitor");
        var before = await HoldingsAsync(appliance);

        for (var i = 0; i < 20; i++)
        {
            await PublishAsync(appliance, clip, "again");
        }

        for (var i = 0; i < 10; i++)
        {
            var name = $"killed{i}";
            await using var publisher = Publishing.Start(endless, appliance.Url($"live/{name}"));
            await appliance.SourceAsync("live", name, s => s.Media.VideoPackets > 0, "with pictures");
            publisher.Signal(ChildProcess.SigKill);
            await publisher.ExitAsync();
        }

        await IdleAsync(appliance);
        Holdings after = before;
        await Polling.UntilAsync(
            async () =>
            {
                after = await HoldingsAsync(appliance);

                // Fewer descriptors are no leak: what asked the devices at the start may have held some still.
                return after with { Threads = 0, FileDescriptors = 0 } == before with { Threads = 0, FileDescriptors = 0 } &&
                    after.FileDescriptors <= before.FileDescriptors && after.Threads <= before.Threads + PooledThreads;
            },
            $"the state before, {before}",
            () => $"now {after}");
        output.WriteLine($"before {before}, after {after}");
        Assert.Equal(0, await appliance.MetricAsync("transcoder_worker_deaths_total"));
        Assert.Equal(22, appliance.LogLines("stream live/", " ended: unpublished").Count);
        Assert.Equal(10, appliance.LogLines("stream live/killed", " ended: publisher_gone").Count);
    }

    private static async Task PublishAsync(RunningAppliance appliance, string clip, string name)
    {
        await using var publisher = Publishing.StartFast(clip, appliance.Url($"live/{name}"));
        Assert.Equal(0, await publisher.ExitAsync());

        // Its end is ours too once the daemon has seen it.
        await Polling.UntilAsync(async () => await appliance.FindAsync("live", name) is null, $"the end of {name}");
    }

    private static Task IdleAsync(RunningAppliance appliance) => Polling.UntilAsync(
        async () => await appliance.StreamsAsync() is { Streams.Count: 0, Workers: { Idle: 1, Busy: 0 } }, "no stream and one warm worker");

    private static async Task<Holdings> HoldingsAsync(RunningAppliance appliance) => new(
        ProcessTable.Threads(appliance.ProcessId),
        ProcessTable.FileDescriptors(appliance.ProcessId),
        ProcessTable.Descendants(appliance.ProcessId).Count,
        await appliance.MetricAsync("transcoder_buffers_rented"),
        await appliance.MetricAsync("transcoder_packets_rented"));
}
