namespace Transcoder.Pipeline.Threads;

/// <summary>
/// One named thread of a worker. Native codecs block for as long as they like, so each gets a thread of its own instead of one of the thread pool's.
/// It is a background thread: one that hangs in a driver does not keep the process alive.
/// </summary>
internal sealed class PipelineThread
{
    /// <summary>For work that has no limit of its own.</summary>
    public static readonly TimeSpan WorkLimit = TimeSpan.FromSeconds(20);

    private const long Waiting = long.MinValue;

    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private long _busySince = Waiting;
    private long _limitTicks;
    private bool _ended;

    /// <param name="body">Runs on the thread.</param>
    /// <param name="ended">Runs last on the thread, with what escaped from the body or null.</param>
    public PipelineThread(string name, TimeProvider time, Action<PipelineThread> body, Action<PipelineThread, Exception?> ended)
    {
        Name = name;
        _time = time;
#pragma warning disable RS0030 // The one place where threads are made: blocking native calls would starve the thread pool.
        _thread = new Thread(() =>
        {
            Exception? escaped = null;
            try
            {
                body(this);
            }
            catch (Exception exception)
            {
                // Handed on as the thread's result; an exception that leaves a thread would end the process without a reason.
                escaped = exception;
            }

            Idle();
            Volatile.Write(ref _ended, true);
            ended(this, escaped);
        })
        {
            Name = name,
            IsBackground = true,
        };
#pragma warning restore RS0030
    }

    public string Name { get; }

    /// <summary>Called by the watchdog, once, when the thread has exceeded its limit: the last that can be done for what it holds.</summary>
    public Action? Hung { get; set; }

    /// <summary>Nothing waits for it: one that hangs is left alone, and the worker goes on.</summary>
    public bool IsExpendable { get; init; }

    /// <summary>It hung, and that was told.</summary>
    public bool IsAbandoned { get; set; }

    public bool HasEnded => Volatile.Read(ref _ended);

    /// <summary>The present piece of work takes longer than it may.</summary>
    public bool IsHung
    {
        get
        {
            var since = Volatile.Read(ref _busySince);
            var limit = new TimeSpan(Volatile.Read(ref _limitTicks));

            // The second look: a new piece of work may have begun between the two reads.
            return since != Waiting && _time.GetElapsedTime(since) > limit && Volatile.Read(ref _busySince) == since;
        }
    }

    public void Start() => _thread.Start();

    /// <summary>A piece of work begins: from now on the watchdog counts.</summary>
    public void Busy() => Busy(WorkLimit);

    public void Busy(TimeSpan limit)
    {
        Idle();
        Volatile.Write(ref _limitTicks, limit.Ticks);
        Volatile.Write(ref _busySince, _time.GetTimestamp());
    }

    /// <summary>The thread waits for somebody else: the watchdog looks away.</summary>
    public void Idle() => Volatile.Write(ref _busySince, Waiting);

    public bool Join(TimeSpan deadline) => _thread.Join(deadline);
}
