using System.Text.Json;
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
        // Whichever of them comes last can be reduced.
        string[] rungs = [GpuAppliance.Rung("160p", 160, video: ", preset: quality"), GpuAppliance.Rung("120p", 120, video: ", preset: quality"), GpuAppliance.Rung("100p", 100, video: ", preset: quality")];
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

        else
        {
            Assert.Equal(("running", "cpu"), (third.State, third.Device));
            var sessions = await gpus.SessionsAsync();
            Assert.Equal("speed", sessions.Single(session => session.Renditions.Contains(third.Name)).Preset);
            Assert.All(sessions.Where(session => !session.Renditions.Contains(third.Name)), session => Assert.Equal("quality", session.Preset));
            Assert.Contains("preset=veryfast", third.Encoder, StringComparison.Ordinal);
        }

        Assert.Equal(fallback switch { "allow" => "only_choice", "forbid" => "fallback_forbidden", _ => "reduced" }, third.Reason.Code);
        Assert.Contains("2 of 2 sessions", third.Reason.Detail, StringComparison.Ordinal);
        Assert.Equal("sound", (await gpus.DevicesAsync()).Single(device => device.Encodes).Health);
        await gpus.SessionsMatchAsync("at the cap");
    }

    /// <summary>The words of the sample file, in every rung, on a card: nothing of them is the card's fault.</summary>
    [Fact]
    public async Task Words_and_sizes_that_a_card_has_not_cost_it_nothing()
    {
        string[] rungs =
        [
            GpuAppliance.Rung("160p", 160, video: ", preset: veryfast, tune: zerolatency"),
            GpuAppliance.Rung("120p", 120, video: ", tune: film, profile: baseline"),
            GpuAppliance.Rung("48p", 48),
        ];
        await using var gpus = await GpuAppliance.StartAsync(1, rungs);
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/words"), loops: -1);
        var facts = await gpus.RunningAsync("words");
        Assert.Contains("preset=p1", facts.Rendition("160p").Encoder, StringComparison.Ordinal);
        Assert.EndsWith("(without tune film, which it has not)", facts.Rendition("120p").Encoder, StringComparison.Ordinal);
        Assert.Contains("profile=baseline", facts.Rendition("120p").Encoder, StringComparison.Ordinal);
        Assert.Equal("cpu", facts.Rendition("48p").Device);
        Assert.Contains("is smaller than h264_nvenc's 145x49", facts.Rendition("48p").Reason.Detail, StringComparison.Ordinal);
        var card = (await gpus.DevicesAsync()).Single(device => device.Encodes);
        Assert.Equal(("sound", 2, null), (card.Health, card.Sessions.Ours, card.Sessions.Cap));
        Assert.Equal(0, await gpus.Appliance.MetricAsync("transcoder_rendition_moves_total"));
    }

    /// <summary>Over HTTP and by the verb, on the daemon that then does as it said.</summary>
    [Fact]
    public async Task A_plan_says_where_a_ladder_goes_and_there_it_goes()
    {
        await using var gpus = await GpuAppliance.StartAsync(1, [.. TwoRungs, GpuAppliance.Rung("1080p", 1080)]);
        using var answer = await gpus.Appliance.PostAsync("api/v1/plan", """{ "ladder": "l", "source": { "width": 320, "height": 180, "frameRate": 30 } }""");
        using var plan = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        var renditions = plan.RootElement.GetProperty("renditions").EnumerateArray().ToDictionary(rendition => rendition.GetProperty("name").GetString()!);
        Assert.All(["160p", "120p"], name => Assert.Equal(SimulatedMachine.Uuid(0), renditions[name].GetProperty("device").GetString()));
        Assert.Equal("no_upscale", renditions["1080p"].GetProperty("reason").GetProperty("code").GetString());
        Assert.Equal(["cpu", SimulatedMachine.Uuid(0)], renditions["160p"].GetProperty("places").EnumerateArray().Select(place => place.GetProperty("device").GetString()).Order(StringComparer.OrdinalIgnoreCase));
        Assert.Empty(await gpus.SessionsAsync());

        using var wrong = await gpus.Appliance.PostAsync("api/v1/plan", """{ "ladder": "none", "source": { "width": 320, "height": 180, "frameRate": 30 } }""");
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("there is no ladder none; the configuration has l", await wrong.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);

        var text = await gpus.Appliance.RunVerbAsync("plan", "--ladder", "l", "--source", "320x180@30");
        Assert.Contains($"160p 284x160 at 30, speed: {SimulatedMachine.Uuid(0)} (nvenc)", text, StringComparison.Ordinal);
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/planned"), loops: -1);
        await gpus.Appliance.SourceAsync("live", "planned", source => source.Renditions.Count(r => r.State == "running" && r.Device == SimulatedMachine.Uuid(0)) == 2, "where the plan said");
    }

    [Fact]
    public async Task Software_returns_to_a_card_that_is_sound_again()
    {
        await using var gpus = await GpuAppliance.StartAsync(1, TwoRungs);
        await using var publisher = Publishing.Start(await Clips.TinyAsync(), gpus.Appliance.Url("live/back"), loops: -1);
        await gpus.RunningAsync("back", r => r.Device == SimulatedMachine.Uuid(0));
        await using var player = await Recording.StartAsync(gpus.Appliance.Url("live/back_160p"));
        gpus.Machine.Lose(0);
        await gpus.RunningAsync("back", r => r.Device == "cpu");
        gpus.Machine.Revive(0);

        // Quarantine, one rung that tries for ten seconds, and the other after it.
        await Polling.UntilAsync(
            async () => (await gpus.Appliance.FindAsync("live", "back"))!.Renditions.All(r => r.State == "running" && r.Device == SimulatedMachine.Uuid(0)),
            "both rungs on the card again",
            deadline: TimeSpan.FromSeconds(120));
        await Polling.UntilAsync(async () => (await gpus.DevicesAsync()).Single(device => device.Id == SimulatedMachine.Uuid(0)).Health == "sound", "a sound card", deadline: TimeSpan.FromSeconds(60));
        await player.MoreVideoAsync(30);
        Assert.True(player.IsPlaying);
        Timelines.AssertOrdered(player);
        await gpus.SessionsMatchAsync("after the return");
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
