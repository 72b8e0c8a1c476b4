using Transcoder.Media.Time;
using Xunit;

namespace Transcoder.UnitTests.Media.Time;

public sealed class MediaTimeTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(16_777_215)]
    [InlineData(4_294_967_296)]
    [InlineData(-7)]
    public void Milliseconds_come_back_unchanged(long milliseconds) =>
        Assert.Equal(milliseconds, MediaTime.FromMilliseconds(milliseconds).Milliseconds);

    [Theory]
    [InlineData(1024, 44100)]
    [InlineData(123_456_789_012, 48000)]
    [InlineData(-1024, 44100)]
    public void Sample_counts_come_back_unchanged(long samples, int rate) =>
        Assert.Equal(samples, MediaTime.FromSamples(samples, rate).ToSamples(rate));

    [Fact]
    public void Unwrapping_follows_a_wrap_and_small_steps_back()
    {
        var unwrapper = new TimestampUnwrapper();
        Assert.Equal(4_294_967_290, unwrapper.Unwrap(4_294_967_290));
        Assert.Equal(4_294_967_296 + 10, unwrapper.Unwrap(10));
        Assert.Equal(4_294_967_296 - 6, unwrapper.Unwrap(4_294_967_290));
    }
}
