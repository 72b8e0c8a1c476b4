using System.Diagnostics;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Resources;

/// <summary>Cards that are lost, hang or become slow under renditions on the air. Judged by players that stay connected.</summary>
public sealed class DeviceLossTests(ITestOutputHelper output)
{
    private static readonly string[] TwoRungs = [GpuAppliance.Rung("160p", 160), GpuAppliance.Rung("120p", 120)];

    /// <summary>To the CPU where there is no other card, else to that: half of the eight were there before.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_card_that_is_lost_under_eight_renditions_costs_two_seconds_and_no_connection(int cards)
    {
        var heir = cards == 1 ? "cpu" : SimulatedMachine.Uuid(1);
        await using var target = await RunningAppliance.StartAsync("apps:\n  live: {}\n");
        await using var gpus = await GpuAppliance.StartAsync(cards, TwoRungs, app: $"    push: [{{ url: \"{target.Url("live/{stream}-{rendition}")}\", renditions: [120p] }}]\n");
        var clip = await Clips.TinyAsync();
        var streams = Enumerable.Range(0, 4).Select(i => $"s{i}").ToArray();
        var publishers = streams.Select(stream => Publishing.Start(clip, gpus.Appliance.Url($"live/{stream}"), loops: -1)).ToArray();
        var players = new List<Recording>();
        try
        {
            foreach (var stream in streams)
            {
                await gpus.RunningAsync(stream, r => r.Device != "cpu");
                players.Add(await Recording.StartAsync(gpus.Appliance.Url($"live/{stream}_160p")));
                players.Add(await Recording.StartAsync(gpus.Appliance.Url($"live/{stream}_120p")));
            }

            await using var pushed = await Recording.StartAsync(target.Url("live/s0-120p"));
            await Task.WhenAll(players.Append(pushed).Select(player => player.MoreVideoAsync(15)));
            Assert.Equal(8, gpus.Machine.State.Sessions.Count);
            var losing = gpus.Machine.State.SessionsOf(0).Count();
            Assert.InRange(losing, 8 / cards / 2, 8 / cards * 3 / 2);

            var lost = Stopwatch.GetTimestamp();
            gpus.Machine.Lose(0);

            foreach (var stream in streams)
            {
                await gpus.RunningAsync(stream, r => r.Device == heir);
            }

            await Task.WhenAll(players.Append(pushed).Select(player => player.MoreVideoAsync(30)));
            foreach (var player in players.Append(pushed))
            {
                var pause = Timelines.LongestPause(player, lost);
                output.WriteLine($"{player.Url}: {pause.TotalMilliseconds:0} ms without a picture");
                Assert.True(player.IsPlaying);
                Assert.InRange(pause, TimeSpan.Zero, TimeSpan.FromSeconds(2));
                Timelines.AssertOrdered(player);
                await Timelines.AssertDecodesAsync(player);
            }

            if (cards == 1)
            {
                // Another encoder's headers differ: they came again.
                Assert.All(players, player => Assert.NotEqual(player.Video[0].Track, player.Video[^1].Track));
            }

            Assert.Equal(4, await gpus.Appliance.MetricAsync("transcoder_push_connections_total"));
            Assert.Equal(losing, await gpus.Appliance.MetricAsync("transcoder_rendition_moves_total"));
            Assert.InRange(await gpus.Appliance.MetricAsync("transcoder_rendition_gap_seconds_total"), 0.01, 16);
            Assert.Equal(0, await gpus.Appliance.MetricAsync("transcoder_worker_deaths_total"));
            await gpus.SessionsMatchAsync("after the loss");
        }
        finally
        {
            foreach (var player in players)
            {
                await player.DisposeAsync();
            }

            foreach (var publisher in publishers)
            {
                await publisher.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task An_encoder_that_hangs_in_the_driver_is_replaced_within_three_seconds()
    {
        await using var gpus = await GpuAppliance.StartAsync(2, [GpuAppliance.Rung("160p", 160)]);
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/hang"), loops: -1);
        var first = (await gpus.RunningAsync("hang")).Renditions[0].Device;
        await using var source = await Recording.StartAsync(gpus.Appliance.Url("live/hang"));
        await using var player = await Recording.StartAsync(gpus.Appliance.Url("live/hang_160p"));
        await player.MoreVideoAsync(20);

        var hung = Stopwatch.GetTimestamp();
        gpus.Machine.Hang(first == SimulatedMachine.Uuid(0) ? 0 : 1);

        await gpus.RunningAsync("hang", r => r.Device != first);
        await player.MoreVideoAsync(60);
        var pause = Timelines.LongestPause(player, hung);
        output.WriteLine($"{pause.TotalMilliseconds:0} ms without a picture");
        Assert.True(player.IsPlaying && source.IsPlaying && !publisher.HasExited);
        Assert.InRange(pause, TimeSpan.Zero, TimeSpan.FromSeconds(3));
        Timelines.AssertOrdered(player);
        await Timelines.AssertDecodesAsync(player);
        Assert.Equal("quarantined", (await gpus.DevicesAsync()).Single(device => device.Id == first).Health);

        // The hung session died with its worker.
        await gpus.SessionsMatchAsync("after the hang");
    }

    [Fact]
    public async Task A_card_that_becomes_slow_is_left_before_one_frame_in_a_hundred_is_lost()
    {
        await using var gpus = await GpuAppliance.StartAsync(2, [GpuAppliance.Rung("160p", 160)]);
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), gpus.Appliance.Url("live/slow"), loops: -1);
        var first = (await gpus.RunningAsync("slow")).Renditions[0].Device;
        await using var player = await Recording.StartAsync(gpus.Appliance.Url("live/slow_160p"));
        await player.MoreVideoAsync(60);
        var before = (await gpus.Appliance.FindAsync("live", "slow"))!.Renditions[0];

        // 284x160 at 30 fps is 1.36 million pixels a second: a card for half of them.
        gpus.Machine.SetSpeed(first == SimulatedMachine.Uuid(0) ? 0 : 1, 0.7);

        await gpus.RunningAsync("slow", r => r.Device != first);

        // What was late on the slow card has come when as many pictures have as its delay may hold, and the counters are a second old.
        await player.MoreVideoAsync(90);
        var after = (await gpus.Appliance.FindAsync("live", "slow"))!.Renditions[0];
        var frames = after.FramesEncoded - before.FramesEncoded;
        var missing = after.FramesDroppedLate + after.FramesLost - before.FramesDroppedLate - before.FramesLost;
        output.WriteLine($"{missing} of {frames} frames dropped or lost");
        Assert.True(player.IsPlaying);
        Assert.InRange(missing, 0, frames / 100);
        Timelines.AssertOrdered(player);
        await Timelines.AssertDecodesAsync(player);
    }

    /// <summary>Other headers, another driver, and frames that lie elsewhere.</summary>
    [Fact]
    public async Task A_rendition_goes_from_one_vendors_card_to_anothers()
    {
        Assert.SkipWhen(Directory.Exists("/dev/dri"), "libva here is that of a real device");
        await using var gpus = await GpuAppliance.StartAsync(1, [GpuAppliance.Rung("160p", 160)], "order: [nvenc, vaapi]", vaDevices: 1);
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/vendors"), loops: -1);
        var first = (await gpus.RunningAsync("vendors")).Renditions[0].Device;
        await using var player = await Recording.StartAsync(gpus.Appliance.Url("live/vendors_160p"));
        await player.MoreVideoAsync(20);

        var lost = Stopwatch.GetTimestamp();
        gpus.Machine.Configure((first == SimulatedMachine.Uuid(0) ? "gpu0.lost" : "va0.lost", 1));

        await gpus.RunningAsync("vendors", r => r.Device != first);
        await player.MoreVideoAsync(30);
        var pause = Timelines.LongestPause(player, lost);
        output.WriteLine($"from {first}, {pause.TotalMilliseconds:0} ms without a picture");
        Assert.True(player.IsPlaying);
        Assert.InRange(pause, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Timelines.AssertOrdered(player);
        Assert.NotEqual(player.Video[0].Track, player.Video[^1].Track);
        await Timelines.AssertDecodesAsync(player);
        await gpus.SessionsMatchAsync("after the move");
    }
}
