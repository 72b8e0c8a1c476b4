using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class DrainTests
{
    private const string Open = "apps:\n  live: { latency: low }\n";

    [Fact]
    public async Task A_stop_sends_publishers_to_the_next_server_and_their_players_lose_nothing_before()
    {
        await using var next = await RunningAppliance.StartAsync(Open);
        await using var appliance = await RunningAppliance.StartAsync(
            Open, 0, null, "shutdown_timeout: 1m", "drain_timeout: 30s", $"rtmp.reconnect_to: \"rtmp://127.0.0.1:{next.RtmpPort}/\"");
        await using var publisher = ChildProcess.Start(RunningAppliance.Program, "publish", await Clips.FlashAndBeepAsync(), appliance.Url("live/moving"));
        await using var before = await Recording.StartAsync(appliance.Url("live/moving"));
        await before.MoreVideoAsync(10);

        // It waits there for the stream, so that it gets the first packet.
        var after = Recording.StartAsync(next.Url("live/moving"));
        appliance.Stop();
        await using var behind = await after;
        await behind.MoreVideoAsync(10);
        await before.EndAsync();
        await appliance.ExitAsync();

        Assert.True(behind.Video[0].IsKeyframe);
        var times = before.Video.Concat(behind.Video).Select(packet => packet.Dts).ToList();
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 30, 40));
        await appliance.LogLineAsync("stream live/moving ended", "unpublished");
        Assert.Contains("stopped", appliance.Log[^1], StringComparison.Ordinal);
    }
}
