namespace Transcoder.LoadGenerator;

/// <summary>The time that a run's publishers live by. It stands still while another server is measured. Thread safe.</summary>
internal sealed class RunClock(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private long _started = clock.GetTimestamp();
    private TimeSpan _before;
    private TaskCompletionSource? _standing;

    public TimeSpan Elapsed
    {
        get
        {
            lock (_gate)
            {
                return ElapsedLocked();
            }
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _before = ElapsedLocked();
            _standing ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Start()
    {
        lock (_gate)
        {
            if (_standing is { } standing)
            {
                _standing = null;
                _started = clock.GetTimestamp();
                standing.SetResult();
            }
        }
    }

    /// <summary>Waits until it is <paramref name="time"/>; not at all where it has been.</summary>
    public async ValueTask WaitAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        while (Ahead(time, out var standing) is var ahead && ahead > TimeSpan.Zero)
        {
            // A delay ends at the millisecond before: it would be begun again and again until the next.
            await (standing?.WaitAsync(cancellationToken) ?? Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(ahead.TotalMilliseconds)), clock, cancellationToken));
        }
    }

    private TimeSpan Ahead(TimeSpan time, out Task? standing)
    {
        lock (_gate)
        {
            standing = _standing?.Task;
            return time - ElapsedLocked();
        }
    }

    private TimeSpan ElapsedLocked() => _standing is null ? _before + clock.GetElapsedTime(_started) : _before;
}
