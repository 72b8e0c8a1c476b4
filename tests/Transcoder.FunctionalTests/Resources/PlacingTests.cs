using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Resources;

/// <summary>Where sessions go on machines with one, two and four cards, and what happens when there is no place left.</summary>
public sealed class PlacingTests(ITestOutputHelper output)
{
    private static readonly string[] TwoRungs = [GpuAppliance.Rung("160p", 160), GpuAppliance.Rung("120p", 120)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Twelve_ladders_are_spread_evenly_by_pixels_a_second(int cards)
    {
        await using var gpus = await GpuAppliance.StartAsync(cards, TwoRungs, prepare: machine => machine.Configure(("coder", "skip")));
        var clip = await Clips.TinyAsync();
        var publishers = Enumerable.Range(0, 12).Select(i => Publishing.Start(clip, gpus.Appliance.Url($"live/s{i}"), loops: -1)).ToArray();
        try
        {
            await Polling.UntilAsync(async () => (await gpus.SessionsAsync()).Count(session => session is { State: "open", Kind: "nvenc" }) == 24, "24 sessions", deadline: TimeSpan.FromSeconds(90));
            var loads = (await gpus.SessionsAsync()).GroupBy(session => session.Device).ToDictionary(group => group.Key, group => group.Sum(session => session.Width * session.Height * session.FrameRate));
            output.WriteLine(string.Join(", ", loads.Select(load => $"{load.Key[^1]}: {load.Value / 1e6:0.00} Mpixel/s")));
            Assert.Equal(cards, loads.Count);
            Assert.All(loads.Values, load => Assert.InRange(load, loads.Values.Average() * 0.85, loads.Values.Average() * 1.15));
            await gpus.SessionsMatchAsync("with twelve ladders");
        }
        finally
        {
            await Task.WhenAll(publishers.Select(publisher => publisher.DisposeAsync().AsTask()));
        }
    }

    /// <summary>The driver's cap of two, in either of its words: the third rung goes where policy says.</summary>
    [Theory]
    [InlineData("allow", 10)]
    [InlineData("allow", 21)]
    [InlineData("forbid", 21)]
    [InlineData("reduce", 10)]
    public async Task Beyond_the_drivers_cap_policy_decides(string fallback, int error)
    {
        string[] rungs = [.. TwoRungs, GpuAppliance.Rung("100p", 100)];
        await using var gpus = await GpuAppliance.StartAsync(
            1, rungs, $"order: [nvenc, software], fallback: {fallback}", prepare: machine => machine.LimitSessions(2, error: error));
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/cap"), loops: -1);
        var facts = await gpus.Appliance.SourceAsync(
            "live", "cap", source => source.Renditions.Count == 3 && source.Renditions.Count(r => r.State == "running" && r.Device != "cpu") == 2 &&
                source.Renditions.All(r => r.State != "starting" && r.Reason.Code.Length > 0), "settled");
        foreach (var rendition in facts.Renditions)
        {
            output.WriteLine($"{rendition.Name}: {rendition.State} on {rendition.Device}, {rendition.Reason.Code}: {rendition.Reason.Detail}");
        }

        var third = facts.Renditions.Single(r => r.State != "running" || r.Device == "cpu");
        if (fallback == "allow")
        {
            Assert.Equal(("running", "cpu"), (third.State, third.Device));
        }
        else if (fallback == "forbid")
        {
            Assert.NotEqual("running", third.State);
        }

        // Under reduce the smallest rung makes room, unless the CPU takes it with less to do, which a busy one doesn't.
        string[] codes = fallback switch { "allow" => ["only_choice"], "forbid" => ["fallback_forbidden"], _ => ["reduced", "session_limit"] };
        Assert.Contains(third.Reason.Code, codes);
        Assert.Matches("2 of 2 sessions|its place goes to", third.Reason.Detail);
        Assert.Equal("sound", (await gpus.DevicesAsync()).Single(device => device.Encodes).Health);
        await gpus.SessionsMatchAsync("at the cap");
    }

    [Fact]
    public async Task Sessions_of_other_programs_shrink_the_budget()
    {
        await using var gpus = await GpuAppliance.StartAsync(1, TwoRungs, prepare: machine =>
        {
            machine.LimitSessions(3);
            machine.SetForeignSessions(0, 2);
        });
        await Polling.UntilAsync(async () => (await gpus.DevicesAsync()).Any(device => device.Sessions.Foreign == 2), "two foreign sessions");
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/foreign"), loops: -1);

        var facts = await gpus.RunningAsync("foreign");

        Assert.Single(facts.Renditions, rendition => rendition.Device == SimulatedMachine.Uuid(0));
        Assert.Single(facts.Renditions, rendition => rendition.Device == "cpu");
        Assert.Equal(3, (await gpus.DevicesAsync()).Single(device => device.Encodes).Sessions.Cap);
    }
}
