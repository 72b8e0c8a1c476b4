namespace Transcoder.Media.Time;

/// <summary>One thread that sleeps until the next of its tickers is due, and calls it right there. There is none while there are no tickers.</summary>
internal sealed class TickerThread(TimeProvider clock)
{
    private readonly object _gate = new();
    private Ticker[] _tickers = [];
    private bool _runs;

    public static TickerThread Shared { get; } = new(TimeProvider.System);

    public ITimer Add(TimeSpan period, Action tick)
    {
        var ticker = new Ticker(this, period, tick);
        ticker.SetDue(Now);
        lock (_gate)
        {
            _tickers = [.. _tickers, ticker];
            if (!_runs)
            {
                _runs = true;
#pragma warning disable RS0030 // Its sleep is what it is for.
                new Thread(Run) { Name = "tickers", IsBackground = true }.UnsafeStart();
#pragma warning restore RS0030
            }

            Monitor.Pulse(_gate);
        }

        return ticker;
    }

    private TimeSpan Now => clock.GetElapsedTime(0, clock.GetTimestamp());

    private void Run()
    {
        while (Next() is { } tickers)
        {
            var now = Now;
            foreach (var ticker in tickers)
            {
                ticker.TickIfDue(now);
            }
        }
    }

    /// <returns>The tickers, when one of them is due; null when there are none and the thread ends.</returns>
    private Ticker[]? Next()
    {
        lock (_gate)
        {
            while (_tickers.Length > 0)
            {
                var wait = _tickers.Min(static ticker => ticker.Due) - Now;
                if (wait <= TimeSpan.Zero)
                {
                    return _tickers;
                }

                // Not a fraction of a millisecond too early, to sleep once more.
                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)));
            }

            _runs = false;
            return null;
        }
    }

    private void Remove(Ticker ticker)
    {
        lock (_gate)
        {
            _tickers = [.. _tickers.Where(other => other != ticker)];
            Monitor.Pulse(_gate);
        }
    }

    private sealed class Ticker(TickerThread thread, TimeSpan period, Action tick) : ITimer
    {
        private readonly Lock _ticking = new();
        private bool _disposed;

        public TimeSpan Due { get; private set; }

        /// <summary>The next multiple of the period.</summary>
        public void SetDue(TimeSpan now) => Due = TimeSpan.FromTicks(((now.Ticks / period.Ticks) + 1) * period.Ticks);

        public void TickIfDue(TimeSpan now)
        {
            if (Due > now)
            {
                return;
            }

            SetDue(now);
            lock (_ticking)
            {
                if (!_disposed)
                {
                    tick();
                }
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException("a ticker keeps its period");

        /// <summary>After this the tick is not called any more, nor under way, unless it is the tick that disposes.</summary>
        public void Dispose()
        {
            lock (_ticking)
            {
                _disposed = true;
            }

            thread.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
