namespace Transcoder.Pipeline.Video;

/// <summary>
/// Whether the pipeline may wait for a slow encoder or must drop. It waits while it replays a cached GOP (nothing may be lost then) and while it is
/// nearly live. Once it was live and has fallen behind, each source frame gets a little less time than it lasts: encoders that are faster than the
/// source catch up after a burst without a loss, and one that is not loses its own frames. The later, the less time, down to none: a machine that is
/// too slow for its ladder drops frames instead of letting the viewers' delay grow. For the decode thread.
/// </summary>
internal sealed class LagGate(TimeProvider time)
{
    private static readonly TimeSpan Live = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(500);

    // A rendition that is being moved may hold the others up a little longer than one that is slow: the move ends it.
    private static readonly TimeSpan LateForMove = TimeSpan.FromMilliseconds(1_000);

    // From here on a full queue drops at once.
    private static readonly TimeSpan TooLate = TimeSpan.FromMilliseconds(2_000);

    // Catching up ends when it gets nowhere: a machine that is slower than the source would never drop and never arrive.
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Progress = TimeSpan.FromMilliseconds(50);

    // The part of a frame's duration that may be spent on it while late: the rest is what catches up.
    private const double LateShare = 0.8;
    private static readonly TimeSpan LongestFrame = TimeSpan.FromMilliseconds(100);

    private TimeSpan _frameBudget;
    private long _frameBegan;
    private TimeSpan _lagAtArrival;
    private long _arrival = time.GetTimestamp();
    private TimeSpan _best = TimeSpan.MaxValue;
    private long _bestAt = time.GetTimestamp();

    public bool CatchingUp { get; private set; } = true;

    /// <summary>Behind the source's newest packet: what the daemon said and the time since, which the packet spent in this process.</summary>
    public TimeSpan Lag => _lagAtArrival + time.GetElapsedTime(_arrival);

    /// <summary>The decode thread turns to this packet.</summary>
    public void Observe(int lagMilliseconds, long arrival)
    {
        _lagAtArrival = TimeSpan.FromMilliseconds(lagMilliseconds);
        _arrival = arrival;
        MayWait();
    }

    /// <summary>The pipeline was held up by something else than its own speed: what has piled up is caught up with.</summary>
    public void CatchUp()
    {
        if (Lag >= Live)
        {
            CatchingUp = true;
            _best = TimeSpan.MaxValue;
        }
    }

    /// <summary>The fan-out of a frame begins.</summary>
    /// <param name="duration">Since the frame before it.</param>
    public void BeginFrame(TimeSpan duration)
    {
        var left = Math.Clamp((TooLate - Lag) / (TooLate - Late), 0, 1);
        _frameBudget = LateShare * left * (duration < LongestFrame ? duration : LongestFrame);
        _frameBegan = time.GetTimestamp();
    }

    /// <param name="moving">For a rendition that is between two encoders.</param>
    public bool MayWait(bool moving = false)
    {
        var lag = Lag;
        if (!CatchingUp)
        {
            return lag < (moving ? LateForMove : Late) || time.GetElapsedTime(_frameBegan) < _frameBudget;
        }

        if (lag < Live)
        {
            CatchingUp = false;
            return true;
        }

        if (_best == TimeSpan.MaxValue || lag < _best - Progress)
        {
            _best = lag;
            _bestAt = time.GetTimestamp();
        }
        else if (time.GetElapsedTime(_bestAt) > Stall)
        {
            CatchingUp = false;
            return lag < Late;
        }

        return true;
    }
}
