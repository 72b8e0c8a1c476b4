using System.Diagnostics;
using Transcoder.LoadGenerator;
using Xunit;

namespace Transcoder.UnitTests.LoadGenerator;

public sealed class ArrivalLogTests
{
    private static long At(double seconds) => (long)(seconds * Stopwatch.Frequency) + 1;

    [Theory]
    [InlineData("5 6 7 8 9", 0, 0, 0, 0)]
    [InlineData("4 5 6 7 8 9 10", 0, 0, 0, 0)]
    [InlineData("5 6 6 8 9", 1, 1, 1, 0)]
    [InlineData("5 7 6 8 9", 0, 0, 2, 1)]
    [InlineData("7 8 9", 2, 0, 1, 0)]
    [InlineData("5 6 7", 2, 0, 0, 0)]
    [InlineData("5 6 7 8 9 9 9", 0, 2, 0, 0)]
    [InlineData("", 5, 0, 0, 0)]
    public void A_packet_that_came_twice_hides_none_that_never_came(string numbers, long missing, int duplicates, int gaps, int stepsBack)
    {
        var log = new ArrivalLog(5, At(0));
        foreach (var number in numbers.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            log.Add(long.Parse(number), At(0.1));
        }

        log.Close(10, At(0.2));
        Assert.Equal((missing, duplicates, gaps, stepsBack), (log.Missing, log.Duplicates, log.Gaps, log.StepsBack));
    }

    [Fact]
    public void What_came_after_the_end_had_been_read_is_not_counted_for_what_is_missing()
    {
        var log = new ArrivalLog(0, At(0));
        log.Add(0, At(0.1));
        log.Add(2, At(0.1));
        log.Add(3, At(0.1));
        log.Close(2, At(0.1));
        Assert.Equal(1, log.Missing);
    }

    [Theory]
    [InlineData(1, new double[0])]
    [InlineData(0, new[] { 0.9, 1.8, 2.7, 3.6, 4.5 })]
    [InlineData(1, new[] { 1.5, 2.0, 2.5, 3.0, 3.5, 4.3 })]
    [InlineData(1, new[] { 0.5, 1.0, 2.5, 3.4, 4.3 })]
    [InlineData(1, new[] { 0.9, 1.8, 2.7, 3.6 })]
    [InlineData(3, new[] { 1.5, 3.5 })]
    public void Waiting_for_the_first_packet_and_after_the_last_is_a_stall_too(int stalls, double[] arrivals)
    {
        var log = new ArrivalLog(0, At(0));
        foreach (var (number, seconds) in arrivals.Index())
        {
            log.Add(number, At(seconds));
        }

        log.Close(arrivals.Length, At(5));
        Assert.Equal(stalls, log.Stalls);
    }
}
