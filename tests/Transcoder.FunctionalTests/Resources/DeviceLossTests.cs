using System.Diagnostics;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Resources;

/// <summary>Cards that are lost, hang or become slow under renditions on the air. Judged by players that stay connected.</summary>
public sealed class DeviceLossTests(ITestOutputHelper output)
{
    private static readonly string[] TwoRungs = [GpuAppliance.Rung("160p", 160), GpuAppliance.Rung("120p", 120)];

    [Fact]
    public async Task A_card_that_is_lost_under_eight_renditions_costs_two_seconds_and_no_connection()
    {
        await using var target = await RunningAppliance.StartAsync("apps:\n  live: {}\n");
        await using var gpus = await GpuAppliance.StartAsync(1, TwoRungs, app: $"    push: [{{ url: \"{target.Url("live/{stream}-{rendition}")}\", renditions: [120p] }}]\n");
        var clip = await Clips.TinyAsync();
        var streams = Enumerable.Range(0, 4).Select(i => $"s{i}").ToArray();
        var publishers = streams.Select(stream => Publishing.Start(clip, gpus.Appliance.Url($"live/{stream}"), loops: -1)).ToArray();
        var players = new List<Recording>();
        try
        {
            foreach (var stream in streams)
            {
                await gpus.RunningAsync(stream, r => r.Device == SimulatedMachine.Uuid(0));
                players.Add(await Recording.StartAsync(gpus.Appliance.Url($"live/{stream}_160p")));
                players.Add(await Recording.StartAsync(gpus.Appliance.Url($"live/{stream}_120p")));
            }

            await using var pushed = await Recording.StartAsync(target.Url("live/s0-120p"));
            await Task.WhenAll(players.Append(pushed).Select(player => player.MoreVideoAsync(15)));
            Assert.Equal(8, gpus.Machine.State.Sessions.Count);

            var lost = Stopwatch.GetTimestamp();
            gpus.Machine.Lose(0);

            foreach (var stream in streams)
            {
                await gpus.RunningAsync(stream, r => r.Device == "cpu");
            }

            await Task.WhenAll(players.Append(pushed).Select(player => player.MoreVideoAsync(30)));
            foreach (var player in players.Append(pushed))
            {
                var pause = Timelines.LongestPause(player, lost);
                output.WriteLine($"{player.Url}: {pause.TotalMilliseconds:0} ms without a picture");
                Assert.True(player.IsPlaying);
                Assert.InRange(pause, TimeSpan.Zero, TimeSpan.FromSeconds(2));
                Timelines.AssertOrdered(player);
            }

            Assert.Equal(4, await gpus.Appliance.MetricAsync("transcoder_push_connections_total"));
            Assert.Equal(8, await gpus.Appliance.MetricAsync("transcoder_rendition_moves_total"));
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

        // 284x160 at 30 fps is 1.36 million pixels a second: a card for half of them.
        gpus.Machine.SetSpeed(first == SimulatedMachine.Uuid(0) ? 0 : 1, 0.7);

        await gpus.RunningAsync("slow", r => r.Device != first);
        await player.MoreVideoAsync(240);
        var rendition = (await gpus.Appliance.FindAsync("live", "slow"))!.Renditions[0];
        output.WriteLine($"{rendition.FramesDroppedLate} of {rendition.FramesEncoded} frames dropped");
        Assert.True(player.IsPlaying);
        Assert.InRange(rendition.FramesDroppedLate, 0, rendition.FramesEncoded / 100);
        Timelines.AssertOrdered(player);
    }
}
