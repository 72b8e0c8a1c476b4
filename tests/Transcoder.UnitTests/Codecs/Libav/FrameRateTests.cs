using Transcoder.Codecs.Libav;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Libav;

public sealed class FrameRateTests
{
    [Theory]
    [InlineData(30, 30, 1)]
    [InlineData(29.97, 30000, 1001)]
    [InlineData(23.976, 24000, 1001)]
    [InlineData(59.9401, 60000, 1001)]
    [InlineData(12.5, 12500, 1000)]
    [InlineData(0, 30, 1)]
    [InlineData(double.NaN, 30, 1)]
    [InlineData(100_000, 30, 1)]
    public void Rates_become_whole_numbers(double rate, int numerator, int denominator) =>
        Assert.Equal((numerator, denominator), FrameRate.From(rate));

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(4.0 / 3, 4, 3)]
    [InlineData(12.0 / 11, 12, 11)]
    [InlineData(64.0 / 45, 64, 45)]
    [InlineData(0, 1, 1)]
    public void Aspect_ratios_become_the_simplest_fraction(double ratio, int numerator, int denominator) =>
        Assert.Equal((numerator, denominator), FrameRate.Ratio(ratio));
}
