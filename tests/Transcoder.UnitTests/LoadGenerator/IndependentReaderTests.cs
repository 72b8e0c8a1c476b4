using Transcoder.LoadGenerator;
using Xunit;

namespace Transcoder.UnitTests.LoadGenerator;

public sealed class IndependentReaderTests
{
    private static readonly (string Kind, int Bytes)[] Noted = [.. Enumerable.Range(0, 400).Select(i => i % 3 == 0 ? ("video", 1000 + i) : ("audio", 300 + (i % 7)))];

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(100)]
    public void A_reader_that_joined_elsewhere_is_found_by_what_it_read(int joined) =>
        Assert.True(IndependentReader.Compare(Noted[joined..(joined + 200)], Noted).IsSame);

    [Fact]
    public void Sound_before_the_first_picture_is_not_compared() =>
        Assert.True(IndependentReader.Compare([("audio", 1), ("audio", 2), .. Noted[30..200]], Noted).IsSame);

    [Fact]
    public void The_same_packets_in_another_order_are_not_the_same()
    {
        var seen = Noted[30..200];
        (seen[80], seen[81]) = (seen[81], seen[80]);
        Assert.False(IndependentReader.Compare(seen, Noted).IsSame);
    }

    [Fact]
    public void A_packet_too_many_or_too_few_is_noticed()
    {
        Assert.False(IndependentReader.Compare([.. Noted[30..100], Noted[99], .. Noted[100..200]], Noted).IsSame);
        Assert.False(IndependentReader.Compare([.. Noted[30..100], .. Noted[101..200]], Noted).IsSame);
    }

    [Fact]
    public void A_handful_of_packets_proves_nothing() => Assert.False(IndependentReader.Compare(Noted[30..60], Noted).IsSame);
}
