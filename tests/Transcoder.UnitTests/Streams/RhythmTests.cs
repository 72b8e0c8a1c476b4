using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class RhythmTests
{
    private Rhythm _rhythm = new();

    [Fact]
    public void The_next_one_is_due_an_interval_after_the_last()
    {
        ComeEvery(every: 40, until: 400);
        Assert.False(IsDue(now: 434.9));
        Assert.True(IsDue(now: 435));
        Assert.True(IsDue(now: 440));
    }

    [Fact]
    public void One_that_is_too_late_is_not_waited_for()
    {
        ComeEvery(every: 40, until: 400);
        Assert.True(IsDue(now: 449.9));
        Assert.False(IsDue(now: 450));
    }

    [Fact]
    public void There_is_no_rhythm_before_the_second()
    {
        Assert.False(IsDue(now: 0));
        ComeEvery(every: 40, until: 0);
        Assert.False(IsDue(now: 0));
        Assert.False(IsDue(now: 40));
    }

    [Fact]
    public void A_source_that_is_always_late_is_on_time()
    {
        ComeEvery(every: 40, until: 400, late: 7000);
        Assert.False(IsDue(now: 7434.9));
        Assert.True(IsDue(now: 7435));
    }

    [Fact]
    public void What_was_rounded_is_averaged()
    {
        for (var i = 0; i < 300; i++)
        {
            Come(Math.Round(i * 100 / 3.0), i * 100 / 3.0);
        }

        Assert.False(IsDue(now: 9_994.6));
        Assert.True(IsDue(now: 9_995.4));
    }

    [Fact]
    public void A_second_track_does_not_double_the_pace()
    {
        for (var time = 0; time <= 400; time += 40)
        {
            Come(time, time);
            Come(time, time + 1);
        }

        Assert.False(IsDue(now: 420));
        Assert.True(IsDue(now: 436));
    }

    [Fact]
    public void A_pause_is_no_interval()
    {
        ComeEvery(every: 40, until: 400);
        Come(5000, 5000);
        Assert.False(IsDue(now: 5034.9));
        Assert.True(IsDue(now: 5035));
    }

    [Theory]
    [InlineData(0, 5000)]
    [InlineData(440, 5000)]
    [InlineData(440, 200)]
    [InlineData(360, 440)]
    public void A_source_that_begins_anew_or_stood_still_goes_on_from_there(double dts, double now)
    {
        ComeEvery(every: 40, until: 400);
        Come(dts, now);
        Assert.False(IsDue(now: now + 34.9));
        Assert.True(IsDue(now: now + 35));
    }

    private void Come(double dts, double now) => _rhythm.Note(Time(dts), Time(now));

    private void ComeEvery(int every, int until, int late = 0)
    {
        for (var time = 0; time <= until; time += every)
        {
            Come(time, time + late);
        }
    }

    private bool IsDue(double now) => _rhythm.IsDue(Time(now), hold: Time(5), patience: Time(10));

    private static MediaTime Time(double milliseconds) => new((long)Math.Round(milliseconds * 1e6));
}
