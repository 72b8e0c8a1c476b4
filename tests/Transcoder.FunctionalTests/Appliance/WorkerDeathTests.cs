using System.Diagnostics;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class WorkerDeathTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_worker_that_crashes_costs_neither_a_connection_nor_a_frame()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.TwoRungs));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/crash"));
        await using var source = await Recording.StartAsync(appliance.Url("live/crash"));
        await using var high = await Recording.StartAsync(appliance.Url("live/crash_240p"));
        await using var low = await Recording.StartAsync(appliance.Url("live/crash_180p"));
        Recording[] renditions = [high, low];
        await Task.WhenAll(renditions.Select(r => r.MoreVideoAsync(100)));
        var worker = (await appliance.RunningAsync("live", "crash")).Transcoder!.WorkerProcessId;

        var killed = Stopwatch.GetTimestamp();
        await CrashAsync(worker);

        var after = await appliance.SourceAsync("live", "crash", s => s.Transcoder is { WorkerDeaths: 1, WorkerProcessId: not 0 } t && t.WorkerProcessId != worker, "with a new worker");
        await Task.WhenAll(renditions.Select(r => r.MoreVideoAsync(120)));
        Assert.False(publisher.HasExited);
        Assert.True(source.IsPlaying && high.IsPlaying && low.IsPlaying);
        Assert.Equal(1, after.Publishers);
        await appliance.LogLineAsync($"worker {worker} ended: worker_died", "it is being replaced");

        await publisher.StopAsync();
        await Task.WhenAll(source.EndAsync(), high.EndAsync(), low.EndAsync());
        Timelines.AssertKeyframesAlign(renditions, intervalMilliseconds: 2000, resumptions: 1);
        foreach (var rendition in renditions)
        {
            var pause = Timelines.LongestPause(rendition, killed);
            var dropped = await LadderTests.DroppedAsync(appliance, rendition.Url[(rendition.Url.LastIndexOf('/') + 1)..]);
            output.WriteLine($"{rendition.Url}: {pause.TotalMilliseconds:0} ms without a picture, {dropped} frames dropped late");
            Assert.InRange(pause, TimeSpan.Zero, TimeSpan.FromSeconds(2));
            Timelines.AssertOrdered(rendition);
            Timelines.AssertAccountsFor(source, rendition, dropped);
            Timelines.AssertContinuousAudio(rendition, 48000);
        }
    }

    [Fact]
    public async Task A_daemon_that_is_killed_leaves_no_process_behind()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/orphan"));
        await appliance.RunningAsync("live", "orphan");
        await Polling.UntilAsync(async () => (await appliance.StreamsAsync()).Workers is { Busy: 1, Idle: 1 }, "a worker at work and a warm one");
        var children = ProcessTable.Descendants(appliance.ProcessId);
        Assert.True(children.Count >= 2);

        appliance.Kill();

        await Polling.UntilAsync(
            () => !children.Any(ProcessTable.IsAlive), "the end of all workers", () => $"alive: {string.Join(", ", children.Where(ProcessTable.IsAlive))}", TimeSpan.FromSeconds(2));
        await appliance.ExitAsync();
    }

    [Fact]
    public async Task The_daemon_maps_no_native_codec_library_while_it_transcodes()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/maps"));
        var worker = (await appliance.RunningAsync("live", "maps")).Transcoder!.WorkerProcessId;

        Assert.Empty(NativeCodecs(appliance.ProcessId));

        // The worker's map shows that the search would have found them.
        Assert.NotEmpty(NativeCodecs(worker));
    }

    /// <summary>One signal: the worker must die of the first, which the .NET runtime alone would survive.</summary>
    private static Task CrashAsync(int processId)
    {
        ChildProcess.Send(processId, ChildProcess.SigSegv);
        return Polling.UntilAsync(() => !ProcessTable.IsAlive(processId), "the worker's death");
    }

    private static IEnumerable<string> NativeCodecs(int processId)
    {
        string[] forbidden = ["libav", "libsw", "libtranscoder_shim", "libx264", "libcuda", "libnvidia", "libva", "libvulkan", "libvpl", "libmfx"];
        return ProcessTable.MappedFiles(processId).Where(file => forbidden.Any(name => Path.GetFileName(file).StartsWith(name, StringComparison.Ordinal)));
    }
}
