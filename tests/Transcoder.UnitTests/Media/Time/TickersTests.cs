using Microsoft.Extensions.Time.Testing;
using Transcoder.Media.Time;
using Xunit;

namespace Transcoder.UnitTests.Media.Time;

public sealed class TickersTests
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void A_ticker_of_a_clock_that_is_turned_by_hand_ticks_at_multiples_of_its_period()
    {
        var clock = new FakeTimeProvider();
        clock.Advance(TimeSpan.FromMilliseconds(15));
        var ticks = 0;
        using var ticker = clock.CreateBriefTicker(Period, () => ticks++);
        clock.Advance(TimeSpan.FromMilliseconds(5));
        Assert.Equal(1, ticks);
        clock.Advance(TimeSpan.FromMilliseconds(19));
        Assert.Equal(1, ticks);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, ticks);
    }

    [Fact]
    public void The_systems_brief_tickers_tick_on_one_thread_each_with_its_own_period()
    {
        var (threads, often, seldom) = (new HashSet<int>(), 0, 0);
        using var first = TimeProvider.System.CreateBriefTicker(Period, () =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            Interlocked.Increment(ref often);
        });
        using var second = TimeProvider.System.CreateBriefTicker(Period * 5, () =>
        {
            threads.Add(Environment.CurrentManagedThreadId);
            Interlocked.Increment(ref seldom);
        });
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref seldom) >= 3, Patience));
        Assert.True(Volatile.Read(ref often) > Volatile.Read(ref seldom));
        second.Dispose();
        first.Dispose();
        Assert.NotEqual(Environment.CurrentManagedThreadId, Assert.Single(threads));
    }

    [Fact]
    public void The_systems_brief_tickers_tick_at_multiples_of_their_period_whenever_they_were_made()
    {
        var period = TimeSpan.FromMilliseconds(100);
        long Since() => TimeProvider.System.GetElapsedTime(0, TimeProvider.System.GetTimestamp()).Ticks % period.Ticks;
        Assert.True(SpinWait.SpinUntil(() => Since() is var since && since > period.Ticks / 2 && since < period.Ticks * 7 / 10, Patience));
        var (behind, ticks) = (new List<long>(), 0);
        using var ticker = TimeProvider.System.CreateBriefTicker(period, () =>
        {
            behind.Add(Since());
            Interlocked.Increment(ref ticks);
        });
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref ticks) >= 7, Patience));
        ticker.Dispose();

        // A busy machine makes some of them late.
        Assert.InRange(behind.Order().ElementAt(behind.Count / 2), 0, period.Ticks * 4 / 10);
    }

    [Fact]
    public void A_ticker_that_was_disposed_of_ticks_no_more_and_a_later_one_does()
    {
        var (before, after) = (0, 0);
        var ticker = TimeProvider.System.CreateBriefTicker(Period, () => Interlocked.Increment(ref before));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref before) > 0, Patience));
        ticker.Dispose();
        var last = Volatile.Read(ref before);
        using var later = TimeProvider.System.CreateBriefTicker(Period, () => Interlocked.Increment(ref after));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref after) >= 3, Patience));
        Assert.Equal(last, Volatile.Read(ref before));
    }

    [Fact]
    public void A_tick_may_dispose_of_its_own_ticker()
    {
        ITimer? ticker = null;
        var (ticks, others) = (0, 0);
        var created = new ManualResetEventSlim();
        ticker = TimeProvider.System.CreateBriefTicker(Period, () =>
        {
            created.Wait(Patience, TestContext.Current.CancellationToken);
            ticker!.Dispose();
            Interlocked.Increment(ref ticks);
        });
        created.Set();
        using var other = TimeProvider.System.CreateBriefTicker(Period, () => Interlocked.Increment(ref others));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref others) >= 3, Patience));
        Assert.Equal(1, Volatile.Read(ref ticks));
    }
}
