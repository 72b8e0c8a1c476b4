using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class PublisherTests
{
    private static readonly string[] Keyed = ["reconnect_grace: 20s", "publish: { keys: [\"right-secret\"], silence_timeout: 1s }"];

    [Fact]
    public async Task A_wrong_key_is_refused_and_a_right_one_accepted_and_no_log_line_tells_either()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung, Keyed));
        var clip = await Clips.FlashAndBeepAsync();

        await using (var wrong = Publishing.Start(clip, appliance.Url("live/keyed?key=wrong-secret")))
        {
            Assert.NotEqual(0, await wrong.ExitAsync());
            await appliance.LogLineAsync("refused", "live/keyed", "bad_key");
        }

        await using (var none = Publishing.Start(clip, appliance.Url("live/keyed")))
        {
            Assert.NotEqual(0, await none.ExitAsync());
            await Polling.UntilAsync(() => appliance.LogLines("bad_key").Count == 2, "a second refusal");
        }

        await using (var elsewhere = Publishing.Start(clip, appliance.Url("nowhere/keyed?key=right-secret")))
        {
            Assert.NotEqual(0, await elsewhere.ExitAsync());
            await appliance.LogLineAsync("nowhere", "unknown_app");
        }

        await using var right = Publishing.Start(clip, appliance.Url("live/keyed?key=right-secret"));
        await appliance.RunningAsync("live", "keyed");
        await right.StopAsync();
        await appliance.LogLineAsync("stream live/keyed ended");
        Assert.Empty(appliance.LogLines("right-secret"));
        Assert.Empty(appliance.LogLines("wrong-secret"));
    }

    [Fact]
    public async Task A_second_publisher_is_refused_while_the_first_is_alive_and_replaces_it_when_it_is_silent()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung, Keyed));
        var clip = await Clips.FlashAndBeepAsync();
        var url = appliance.Url("live/taken?key=right-secret");
        await using var first = Publishing.Start(clip, url);
        await using var rendition = await Recording.StartAsync(appliance.Url("live/taken_180p"));
        await rendition.MoreVideoAsync(30);

        await using (var second = Publishing.Start(clip, url))
        {
            Assert.NotEqual(0, await second.ExitAsync());
            await appliance.LogLineAsync("refused", "live/taken", "stream_busy");
        }

        await rendition.MoreVideoAsync(30);
        first.Signal(ChildProcess.SigStop);

        // An encoder that is refused tries again, and so do we: silence begins when the last packet in flight has come.
        ChildProcess? third = null;
        await Polling.UntilAsync(
            async () =>
            {
                if (third is { HasExited: true })
                {
                    await third.DisposeAsync();
                    third = null;
                }

                third ??= Publishing.Start(clip, url);
                return appliance.LogLines("publisher_replaced").Count > 0;
            },
            "a takeover");
        await using (third)
        {
            await rendition.MoreVideoAsync(60);
            Assert.True(rendition.IsPlaying);
            Timelines.AssertOrdered(rendition);
            var facts = await appliance.RunningAsync("live", "taken");
            Assert.Equal((2, 0), (facts.Publishers, facts.Transcoder!.WorkerDeaths));
        }
    }

    [Fact]
    public async Task A_publisher_that_comes_back_within_the_grace_time_continues_the_same_renditions()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung, Keyed));
        var clip = await Clips.FlashAndBeepAsync();
        var url = appliance.Url("live/back?key=right-secret");
        await using var source = await StartAndRecordAsync(appliance, clip, url, "live/back");
        await using var rendition = await Recording.StartAsync(appliance.Url("live/back_180p"));
        await rendition.MoreVideoAsync(60);
        await _publisher!.DisposeAsync();
        await appliance.SourceAsync("live", "back", s => s.State == "waiting", "waiting for its publisher");
        var before = rendition.Video.Count;

        await using var again = Publishing.Start(clip, url);
        await rendition.MoreVideoAsync(90);

        Assert.True(source.IsPlaying && rendition.IsPlaying);
        Assert.True(rendition.Video.Count > before);
        Assert.Equal(2, (await appliance.FindAsync("live", "back"))!.Publishers);
        Assert.Single(appliance.LogLines("rendition live/back_180p opened"));
        await again.StopAsync();
        await Task.WhenAll(source.EndAsync(), rendition.EndAsync());
        Timelines.AssertOrdered(rendition);
        Timelines.AssertAccountsFor(source, rendition, await LadderTests.DroppedAsync(appliance, "back_180p"));
    }

    private ChildProcess? _publisher;

    private async Task<Recording> StartAndRecordAsync(RunningAppliance appliance, string clip, string url, string path)
    {
        _publisher = Publishing.Start(clip, url);
        return await Recording.StartAsync(appliance.Url(path));
    }
}
