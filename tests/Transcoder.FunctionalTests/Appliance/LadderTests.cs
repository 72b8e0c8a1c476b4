using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class LadderTests(ITestOutputHelper output)
{
    private const string Ladder = """
        ladders:
          film:
            - { name: 480p, video: { codec: h264, height: 480, bitrate: 1200k, preset: ultrafast }, audio: { codec: aac, bitrate: 96k } }
            - { name: 360p, video: { codec: h264, height: 360, bitrate: 700k, preset: ultrafast }, audio: { codec: aac, bitrate: 96k } }
            - { name: 240p, video: { codec: h264, height: 240, bitrate: 350k, preset: ultrafast }, audio: { codec: aac, bitrate: 64k, sample_rate: 44100, channels: 1 } }
        apps:
          live: { ladder: film }

        """;

    [Fact]
    public async Task A_ladder_of_three_rungs_is_what_was_asked_for_packet_by_packet()
    {
        await using var appliance = await RunningAppliance.StartAsync(Ladder);
        await using var publisher = Publishing.Start(Clips.Film, appliance.Url("live/film"), loops: 1);
        await using var source = await Recording.StartAsync(appliance.Url("live/film"));
        await using var high = await Recording.StartAsync(appliance.Url("live/film_480p"));
        await using var middle = await Recording.StartAsync(appliance.Url("live/film_360p"));
        await using var low = await Recording.StartAsync(appliance.Url("live/film_240p"));
        Recording[] renditions = [high, middle, low];

        var facts = await appliance.SourceAsync("live", "film", s => s.Renditions.Count == 3 && s.Renditions.All(r => r.Media is { VideoPackets: > 90, Video.FrameRate: > 28 and < 32 }), "with three seconds of each rendition at 30 fps");
        var sourceAudio = facts.Media.Audio!;
        AssertFacts(facts.Rendition("480p"), 854, 480, sourceAudio);
        AssertFacts(facts.Rendition("360p"), 640, 360, sourceAudio);
        AssertFacts(facts.Rendition("240p"), 426, 240, new AudioFacts("aac", 44100, 1));

        await Task.WhenAll(source.EndAsync(), high.EndAsync(), middle.EndAsync(), low.EndAsync());
        Timelines.AssertKeyframesAlign(renditions, intervalMilliseconds: 2000);
        foreach (var (rendition, name, bitrate, audio) in new[] { (high, "480p", 1200e3, 96e3), (middle, "360p", 700e3, 96e3), (low, "240p", 350e3, 64e3) })
        {
            var dropped = await DroppedAsync(appliance, $"film_{name}");
            var measured = Timelines.VideoBitrate(rendition);
            output.WriteLine($"{name}: {rendition.Video.Count} frames, {dropped} dropped, {measured / 1000:0} kbit/s ({(measured / bitrate) - 1:+0.0%;-0.0%}), audio {Timelines.AudioBitrate(rendition) / 1000:0} kbit/s");
            Timelines.AssertOrdered(rendition);
            Assert.InRange(rendition.Audio[0].Pts - rendition.Video[0].Pts, -150, 150);
            Timelines.AssertAccountsFor(source, rendition, dropped);
            Timelines.AssertContinuousAudio(rendition, rendition.Audio[0].Track.Audio.SampleRate);
            Assert.InRange(measured, bitrate * 0.9, bitrate * 1.1);
            Assert.InRange(Timelines.AudioBitrate(rendition), audio * 0.85, audio * 1.15);
            Assert.All(rendition.Video, packet => Assert.Equal(CodecId.H264, packet.Track.Codec));
            Assert.All(rendition.Audio, packet => Assert.Equal(CodecId.Aac, packet.Track.Codec));
        }
    }

    [Fact]
    public async Task Sound_and_picture_are_as_far_apart_in_a_rendition_as_in_its_source()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.TwoRungs));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/sync"), seconds: 8);
        await using var source = await Recording.StartAsync(appliance.Url("live/sync"));
        await using var high = await Recording.StartAsync(appliance.Url("live/sync_240p"));
        await using var low = await Recording.StartAsync(appliance.Url("live/sync_180p"));
        await Task.WhenAll(source.EndAsync(), high.EndAsync(), low.EndAsync());

        var expected = await Timelines.FlashToBeepAsync(source);
        Assert.True(expected.Count >= 5, $"{expected.Count} flashes with a beep were found in the source");
        foreach (var rendition in new[] { high, low })
        {
            var measured = await Timelines.FlashToBeepAsync(rendition);
            output.WriteLine($"{rendition.Url}: flash to beep {measured.Average():0.0} ms ({measured.Min():0.0} to {measured.Max():0.0}), source {expected.Average():0.0} ms");
            Assert.True(measured.Count >= 4, $"{measured.Count} flashes with a beep were found in {rendition.Url}");
            Assert.All(measured, offset => Assert.InRange(offset, expected.Average() - 20, expected.Average() + 20));
        }
    }

    /// <summary>Late frames over the rendition's whole life, as its last log line counts them.</summary>
    internal static async Task<long> DroppedAsync(RunningAppliance appliance, string stream)
    {
        var line = await appliance.LogLineAsync($"rendition live/{stream} ended");
        var words = line.Split(' ');
        return long.Parse(words[Array.IndexOf(words, "dropped") - 1], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static void AssertFacts(RenditionFacts rendition, int width, int height, AudioFacts audio)
    {
        Assert.Equal("running", rendition.State);
        Assert.Equal(("h264", width, height), (rendition.Media!.Video!.Codec, rendition.Media.Video.Width, rendition.Media.Video.Height));
        Assert.Equal(audio, rendition.Media.Audio);
        Assert.NotEmpty(rendition.Device);
        Assert.NotEmpty(rendition.Encoder);
        Assert.NotEmpty(rendition.Reason.Code);
    }
}
