using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>A card whose driver allows fewer sessions than the ladders need, and a policy that allows nothing else.</summary>
public sealed class WaitingTests
{
    private const string Ladders = """
        ladders:
          two:
            - { name: 240p, video: { codec: h264, height: 240, bitrate: 300k }, audio: { codec: aac, bitrate: 64k }, priority: 5 }
            - { name: 180p, video: { codec: h264, height: 180, bitrate: 200k }, audio: { codec: aac, bitrate: 64k } }
          one:
            - { name: 240p, video: { codec: h264, height: 240, bitrate: 300k }, priority: 5 }
        apps:
          live: { ladder: two }
          other: { ladder: one }
        encoders:
          order: [nvenc]
          fallback: forbid

        """;

    [Fact]
    public async Task A_rendition_without_a_place_waits_with_its_reason_and_starts_when_another_stream_leaves_one()
    {
        using var machine = new SimulatedMachine();
        machine.LimitSessions(2);
        await using var appliance = await RunningAppliance.StartAsync(Ladders, environment: machine.Environment);
        await using var first = Publishing.Start(Clips.Film, appliance.Url("other/first"), loops: -1);
        await appliance.RunningAsync("other", "first");
        await using var second = Publishing.Start(Clips.Film, appliance.Url("live/second"), loops: -1);
        await using var high = await Recording.StartAsync(appliance.Url("live/second_240p"));
        await AssertWaitsAsync(appliance);
        var worker = (await appliance.FindAsync("live", "second"))!.Transcoder!.WorkerProcessId;

        await first.StopAsync();
        await AssertStartsAsync(appliance, worker);
        await using var low = await Recording.StartAsync(appliance.Url("live/second_180p"));
        await Task.WhenAll(high.MoreVideoAsync(150), low.MoreVideoAsync(150));
        AssertRises(high);
        AssertRises(low);
        Timelines.AssertKeyframesAlign([high, low], intervalMilliseconds: 2000);
        Assert.NotEmpty(low.Audio);
        Assert.True(high.IsPlaying, high.EndReason);
    }

    [Fact]
    public async Task A_rendition_without_a_place_starts_when_another_program_ends_its_session()
    {
        using var machine = new SimulatedMachine();
        machine.LimitSessions(2);
        machine.SetForeignSessions(0, 1);
        await using var appliance = await RunningAppliance.StartAsync(Ladders, environment: machine.Environment);
        await using var publisher = Publishing.Start(Clips.Film, appliance.Url("live/second"), loops: -1);
        await using var high = await Recording.StartAsync(appliance.Url("live/second_240p"));
        await AssertWaitsAsync(appliance);
        var worker = (await appliance.FindAsync("live", "second"))!.Transcoder!.WorkerProcessId;

        machine.SetForeignSessions(0, 0);
        await AssertStartsAsync(appliance, worker);
        await high.MoreVideoAsync(30);
        AssertRises(high);
        Assert.True(high.IsPlaying, high.EndReason);
    }

    private static Task<SourceFacts> AssertWaitsAsync(RunningAppliance appliance) => appliance.SourceAsync(
        "live", "second",
        s => s.Renditions.Count == 2 && s.Rendition("240p") is { State: "running", Media.VideoPackets: > 30 } && s.Rendition("180p") is { State: "waiting", Reason.Code: "session_limit" or "preempted", Media: null },
        "with one rendition that runs and one that waits");

    private static void AssertRises(Recording recording)
    {
        Assert.All(recording.Video.Zip(recording.Video.Skip(1)), pair => Assert.True(pair.First.Pts < pair.Second.Pts, $"{pair.First.Pts} ms is followed by {pair.Second.Pts} ms"));
        Assert.All(recording.Audio.Zip(recording.Audio.Skip(1)), pair => Assert.True(pair.First.Pts < pair.Second.Pts, $"{pair.First.Pts} ms is followed by {pair.Second.Pts} ms"));
    }

    private static async Task AssertStartsAsync(RunningAppliance appliance, int worker)
    {
        var since = TimeProvider.System.GetTimestamp();
        var facts = await appliance.SourceAsync("live", "second", s => s.Rendition("180p") is { State: "running", Media.VideoPackets: > 0 }, "with the rendition that waited");
        var took = TimeProvider.System.GetElapsedTime(since);
        Assert.True(took < TimeSpan.FromSeconds(20), $"it took {took.TotalSeconds:0.0} s");
        Assert.Equal(worker, facts.Transcoder!.WorkerProcessId);
        Assert.Equal(0, facts.Transcoder.WorkerDeaths);
        TestContext.Current.TestOutputHelper?.WriteLine($"it started {took.TotalSeconds:0.0} s later");
    }
}
