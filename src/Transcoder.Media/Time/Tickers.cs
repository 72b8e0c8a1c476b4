namespace Transcoder.Media.Time;

/// <summary>Timers that come again and again, all at the same moments: each that fires alone wakes two threads, which costs more than what most of them have to do.</summary>
public static class Tickers
{
    /// <summary>Calls <paramref name="tick"/> whenever the clock's timestamp is a multiple of <paramref name="period"/>, on a thread of the pool, until it is disposed of.</summary>
    public static ITimer CreateTicker(this TimeProvider clock, TimeSpan period, Action tick)
    {
        var since = clock.GetElapsedTime(0, clock.GetTimestamp()).Ticks % period.Ticks;
        return clock.CreateTimer(static tick => ((Action)tick!)(), tick, TimeSpan.FromTicks(period.Ticks - since), period);
    }

    /// <summary>
    /// The same for a <paramref name="tick"/> that never blocks, neither for a file nor for a lock that is held for long: the system's clock calls all of these on one thread,
    /// which costs a fraction of a timer's two.
    /// </summary>
    public static ITimer CreateBriefTicker(this TimeProvider clock, TimeSpan period, Action tick) =>
        ReferenceEquals(clock, TimeProvider.System) ? TickerThread.Shared.Add(period, tick) : clock.CreateTicker(period, tick);
}
