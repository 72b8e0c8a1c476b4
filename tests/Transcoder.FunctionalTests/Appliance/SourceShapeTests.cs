using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class SourceShapeTests
{
    [Fact]
    public async Task A_rung_larger_than_the_source_is_left_out_with_the_reason()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(
            $"ladders:\n  light:\n    - {{ name: 720p, video: {{ codec: h264, height: 720, bitrate: 2M }}, audio: {{ codec: aac, bitrate: 96k }} }}\n    - {Configurations.LightRung}\n"));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/small"));

        var facts = await appliance.RunningAsync("live", "small");

        Assert.Equal(("left_out", "no_upscale"), (facts.Rendition("720p").State, facts.Rendition("720p").Reason.Code));
        Assert.Equal("running", facts.Rendition("180p").State);
        await appliance.LogLineAsync("rendition live/small_720p left out", "no_upscale");
    }

    [Fact]
    public async Task A_source_without_pictures_gives_renditions_of_sound()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.AudioOnlyAsync(), appliance.Url("live/sound"), seconds: 8);
        await using var rendition = await Recording.StartAsync(appliance.Url("live/sound_180p"));
        await rendition.UntilAsync(r => r.Audio.Count > 100, "two seconds of sound");

        Assert.Equal("running", (await appliance.RunningAsync("live", "sound")).Rendition("180p").State);
        await rendition.EndAsync();
        Assert.Empty(rendition.Video);
        Timelines.AssertContinuousAudio(rendition, 48000);
    }

    [Fact]
    public async Task A_source_without_sound_gives_silent_renditions()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.VideoOnlyAsync(), appliance.Url("live/silent"), seconds: 6);
        await using var source = await Recording.StartAsync(appliance.Url("live/silent"));
        await using var rendition = await Recording.StartAsync(appliance.Url("live/silent_180p"));
        await rendition.MoreVideoAsync(60);

        Assert.Equal("running", (await appliance.RunningAsync("live", "silent")).Rendition("180p").State);
        await Task.WhenAll(source.EndAsync(), rendition.EndAsync());
        Assert.Empty(rendition.Audio);
        Timelines.AssertOrdered(rendition);
        Timelines.AssertAccountsFor(source, rendition, await LadderTests.DroppedAsync(appliance, "silent_180p"));
    }

    [Fact]
    public async Task A_source_that_changes_its_size_in_mid_stream_keeps_its_renditions()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = await ScriptedPublisher.ConnectAsync(appliance.Url("live/resized"));
        var publishing = publisher.SendAsync(Clips.FilmSeconds(4), await Clips.SmallAsync());
        await using var source = await Recording.StartAsync(appliance.Url("live/resized"));
        await using var rendition = await Recording.StartAsync(appliance.Url("live/resized_180p"));

        await publishing;
        await publisher.EndAsync();
        await Task.WhenAll(source.EndAsync(), rendition.EndAsync());

        Assert.Equal([720, 270], source.Video.Select(p => p.Track.Video.Height).Distinct());
        Assert.All(rendition.Video, packet => Assert.Equal((320, 180), (packet.Track.Video.Width, packet.Track.Video.Height)));
        Assert.Single(appliance.LogLines("rendition live/resized_180p opened"));
        Assert.Empty(appliance.LogLines("is being replaced"));
        Timelines.AssertOrdered(rendition);
        Timelines.AssertAccountsFor(source, rendition, await LadderTests.DroppedAsync(appliance, "resized_180p"));
    }
}
