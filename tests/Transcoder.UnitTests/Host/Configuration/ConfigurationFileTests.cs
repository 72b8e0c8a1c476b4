using System.Net;
using Microsoft.Extensions.Logging;
using Transcoder.Host.Configuration;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

public sealed class ConfigurationFileTests
{
    private const string Good = """
        server:
          rtmp: { listen: "[::1]:1936", max_message_size: 4MiB }
        ladders:
          hd:
            - { name: 720p, video: { codec: h264, height: 720, bitrate: 2.5M, max_fps: 29.97, profile: main, buffer: 1500ms }, audio: { codec: aac, bitrate: 96k, channels: 1 } }
            - { name: voice, audio: { codec: aac, sample_rate: 44100 } }
        apps:
          live:
            ladder: hd
            keyframe_interval: 1s
            publish: { keys: ["long-random-word"] }
            push:
              - { url: "rtmp://cdn.example.com/app/{stream}_{rendition}", renditions: [720p, source] }
              - { url: "rtmp://other.example.com/{app}/{stream}_{rendition}" }
          relay: { publish: { keys: ["another-long-word"] }, push: [ { url: "rtmp://b.example.com/app/{stream}" } ] }
        """;

    [Fact]
    public void What_is_written_arrives()
    {
        var result = ConfigurationFile.Parse(Good);
        Assert.Empty(result.Problems);
        var options = result.Options!;
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 1936), options.Server.Rtmp.Listen);
        Assert.Equal(4 << 20, options.Server.Rtmp.MaxMessageSize);
        Assert.Equal(
            new RenditionSpec("720p", new VideoSpec(CodecId.H264, 0, 720, 2_500_000, 29.97, BufferMilliseconds: 1500, Profile: "main"), new AudioSpec(CodecId.Aac, 96_000, Channels: 1)),
            options.Ladders["hd"][0]);
        Assert.Equal(new RenditionSpec("voice", null, new AudioSpec(CodecId.Aac, 128_000, 44100)), options.Ladders["hd"][1]);
        var live = options.Apps["live"];
        Assert.Equal(TimeSpan.FromSeconds(1), live.KeyframeInterval);
        Assert.Equal(["long-random-word"], live.Publish.Access.Keys.Select(key => key.Value));
        Assert.Equal(["720p", "source"], live.Push[0].Renditions);
        Assert.Equal(["720p", "voice"], live.Push[1].Renditions);
        Assert.Equal(["source"], options.Apps["relay"].Push[0].Renditions);
    }

    [Fact]
    public void What_is_left_out_is_the_default()
    {
        var options = ConfigurationFile.Parse("apps: { live: }").Options!;
        Assert.Equal(new IPEndPoint(IPAddress.Any, 1935), options.Server.Rtmp.Listen);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 8080), options.Server.Http.Listen);
        Assert.Equal(["nvenc", "qsv", "vaapi", "software"], options.Encoders.Order);
        Assert.Equal(FallbackPolicy.Allow, options.Encoders.Fallback);
        Assert.Equal("cam_720p", options.Naming.Rendition.NameOf("cam", "720p"));
        Assert.Equal(LogLevel.Information, options.Log.Level);
        Assert.Equal(1, options.Workers.Spare);
        var live = options.Apps["live"];
        Assert.Null(live.Ladder);
        Assert.Empty(options.LadderOf(live));
        Assert.Empty(live.Publish.Access.Keys.Select(key => key.Value));
        Assert.Equal(new CacheLimits(TimeSpan.FromSeconds(30), 32 << 20), live.GopCache);
    }

    [Fact]
    public void Options_of_equal_files_are_equal_and_of_different_ones_differ()
    {
        Assert.Equal(ConfigurationFile.Parse(Good).Options, ConfigurationFile.Parse("# a comment\n" + Good).Options);
        Assert.Equal(ConfigurationFile.Parse(Good).Options!.GetHashCode(), ConfigurationFile.Parse(Good).Options!.GetHashCode());
        foreach (var (from, to) in new[] { ("2.5M", "2.6M"), ("1936", "1937"), ("long-random", "lang-random"), ("[720p, source]", "[source, 720p]"), ("cdn.", "cdm.") })
        {
            Assert.NotEqual(ConfigurationFile.Parse(Good).Options, ConfigurationFile.Parse(Good.Replace(from, to, StringComparison.Ordinal)).Options);
        }
    }

    [Fact]
    public void Printing_the_options_shows_no_key() =>
        Assert.DoesNotContain("random", ConfigurationFile.Parse(Good).Options!.Apps["live"].ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_and_a_directory_are_problems_not_exceptions()
    {
        Assert.Equal("/nowhere/x.yaml: there is no such file — name one with --config FILE", ConfigurationFile.Load("/nowhere/x.yaml").Problems[0].ToLine("/nowhere/x.yaml"));
        Assert.Null(ConfigurationFile.Load(Path.GetTempPath()).Options);
        Assert.Null(ConfigurationFile.Load("").Options);
    }

    [Theory]
    [InlineData("")]
    [InlineData("apps: [")]
    [InlineData("{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{")]
    [InlineData("a: 1\n--- \nb: 2")]
    [InlineData("- a\n- b")]
    [InlineData("just words")]
    [InlineData("apps: { live: *a }")]
    [InlineData("apps: &a { live: { } }")]
    [InlineData("? [a, b]\n: c")]
    [InlineData("apps: { ? }")]
    [InlineData("\u0000\u0001\u0002")]
    [InlineData("!!binary apps: { }")]
    [InlineData("%YAML 9.9\n---\napps:")]
    [InlineData("apps: \"open")]
    [InlineData("apps: |\n  text")]
    public void Any_text_that_is_no_configuration_yields_an_error_with_its_place(string text)
    {
        var result = ConfigurationFile.Parse(text);
        Assert.Null(result.Options);
        Assert.All(result.Errors, e => Assert.True(e.At is { Line: > 0, Column: > 0 }));
        Assert.NotEmpty(result.Errors);
    }

    [Fact]
    public void Every_prefix_of_a_good_file_is_read_without_an_exception()
    {
        for (var length = 0; length < Good.Length; length++)
        {
            _ = ConfigurationFile.Parse(Good[..length]);
        }
    }
}
