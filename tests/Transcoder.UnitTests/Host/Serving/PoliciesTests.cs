using Transcoder.Host.Serving;
using Transcoder.Streams;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving;

public sealed class PoliciesTests
{
    [Fact]
    public void An_application_is_what_the_file_says_and_one_that_is_not_there_has_no_policy()
    {
        var options = ServingOptions.Read();
        Assert.False(Policies.OfApps(options).ContainsKey("other"));
        var policy = Policies.OfApps(options)["live"];
        Assert.Equal(["720p"], policy.Ladder.Select(rung => rung.Name));
        Assert.Equal(policy.KeyframeInterval.ToTimeSpan(), options.Apps["live"].KeyframeInterval);
        Assert.Equal(policy.TakeoverAfter, options.Apps["live"].Publish.SilenceTimeout);
    }

    [Theory]
    [InlineData("always", 0)]
    [InlineData("never", long.MaxValue)]
    public void Takeover_words_are_times_of_silence(string word, long ticks)
    {
        var options = ServingOptions.Read($"  other:\n    publish: {{ takeover: {word} }}");
        Assert.Equal(TimeSpan.FromTicks(ticks), Policies.OfApps(options)["other"].TakeoverAfter);
    }

    /// <summary>A hook that is slower than its deadline is an answer of its own; the session must not be the first to give up.</summary>
    [Fact]
    public void An_admission_may_take_as_long_as_the_slowest_hook_and_more()
    {
        var options = ServingOptions.Read("  other:\n    hooks: { on_play: \"http://127.0.0.1/q\", timeout: 5s, retries: 3 }");
        Assert.True(Policies.RtmpOf(options).AdmissionTimeout > TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData(5, 60, 5)]
    [InlineData(5, 8, 4)]
    public void A_drain_leaves_half_of_a_stops_time_at_least(int drain, int stop, int expected) =>
        Assert.Equal(TimeSpan.FromSeconds(expected), Policies.DrainTime(ServingOptions.Read().Server with { DrainTimeout = TimeSpan.FromSeconds(drain), ShutdownTimeout = TimeSpan.FromSeconds(stop) }));

    [Fact]
    public void Impatient_players_do_not_shorten_what_a_new_worker_finds()
    {
        var limits = Policies.OfApps(ServingOptions.Read("  other:\n    player_lag: 1s"))["other"].Limits;
        Assert.Equal(1000, limits.SubscriberLag.Milliseconds);
        Assert.True(limits.Keep > limits.TranscoderLag, $"{limits.Keep}");
        Assert.True(limits.KeepAtMost >= limits.Keep);
    }

    [Fact]
    public void A_target_takes_the_streams_of_its_list_and_is_shown_without_its_secret()
    {
        var target = Assert.Single(Policies.PushTargets(ServingOptions.Read()));
        var source = StreamName.ForSource("live", "show");
        var rendition = source.ForRendition("{stream}_{rendition}", "720p");
        Assert.True(target.Takes(source));
        Assert.True(target.Takes(rendition));
        Assert.False(target.Takes(source.ForRendition("{stream}_{rendition}", "480p")));
        Assert.Equal($"rtmp://127.0.0.1:1/app/show_720p?token={ServingOptions.PushSecret}", target.Url(rendition));
        Assert.Contains("show_source", target.Url(source), StringComparison.Ordinal);
        Assert.DoesNotContain(ServingOptions.PushSecret, target.Display(rendition), StringComparison.Ordinal);
    }
}
