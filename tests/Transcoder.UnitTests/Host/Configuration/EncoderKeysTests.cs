using Transcoder.Host.Configuration;
using Transcoder.Host.Serving;
using Transcoder.Media.Jobs;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

public sealed class EncoderKeysTests
{
    private const string Text = """
        ladders:
          hd:
            - { name: 720p, priority: 7, fallback: forbid, video: { codec: h264, height: 720, bitrate: 2800k, passthrough: true } }
            - { name: 480p, video: { codec: h264, height: 480, bitrate: 1200k } }
        apps:
          live: { ladder: hd }
        encoders: { order: [nvenc, software], fallback: reduce, cpu_budget: 2.5, state_file: /tmp/x.json }
        """;

    [Fact]
    public void The_keys_reach_the_renditions_and_the_placement_policy()
    {
        var options = ConfigurationFile.Parse(Text).Options!;
        var (first, second) = (options.Ladders["hd"][0], options.Ladders["hd"][1]);
        Assert.Equal((7, FallbackPolicy.Forbid, true), (first.Priority, first.Fallback, first.Video!.AllowPassthrough));
        Assert.Equal((0, null, false), (second.Priority, second.Fallback, second.Video!.AllowPassthrough));
        var policy = Policies.Of(options.Encoders);
        Assert.Equal((FallbackPolicy.Reduce, 2.5), (policy.Fallback, policy.CpuBudget));
        Assert.Equal("/tmp/x.json", LearnedState.PathOf(options.Encoders));
    }

    [Fact]
    public void Without_a_budget_there_is_no_limit()
    {
        var options = ConfigurationFile.Parse(Text.Replace(", cpu_budget: 2.5", "", StringComparison.Ordinal)).Options!;
        Assert.Null(Policies.Of(options.Encoders).CpuBudget);
    }
}
