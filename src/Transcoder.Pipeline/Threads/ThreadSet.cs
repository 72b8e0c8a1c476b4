namespace Transcoder.Pipeline.Threads;

/// <summary>The threads of one worker: started here, watched here, joined here. Wakes its owner when one ends.</summary>
internal sealed class ThreadSet(TimeProvider time, Action<PipelineThread, Exception?> ended)
{
    private readonly Lock _lock = new();
    private readonly List<PipelineThread> _threads = [];
    private int _running;

    /// <summary>Without those that are expendable.</summary>
    public int Running => Volatile.Read(ref _running);

    public PipelineThread Start(string name, Action<PipelineThread> body, bool expendable = false)
    {
        var thread = new PipelineThread(name, time, body, OnEnded) { IsExpendable = expendable };
        if (!expendable)
        {
            Interlocked.Increment(ref _running);
        }

        lock (_lock)
        {
            // Sessions are opened on threads of their own: those of a long day are not all remembered.
            _threads.RemoveAll(each => each.HasEnded);

            // Started before anyone can see it: a thread that has not started can't be joined.
            thread.Start();
            _threads.Add(thread);
        }

        return thread;
    }

    /// <summary>The threads that have been at one piece of work for longer than it may take: all of them, since one may hold another up.</summary>
    public IReadOnlyList<PipelineThread> FindHung()
    {
        lock (_lock)
        {
            return _threads.Exists(IsNewlyHung) ? _threads.FindAll(IsNewlyHung) : [];
        }
    }

    /// <returns>False when a thread did not end in time: it hangs in native code and only the end of the process removes it.</returns>
    public bool JoinAll(TimeSpan deadline, PipelineThread except)
    {
        var start = TimeProvider.System.GetTimestamp();
        var all = true;

        // One after the other, because a thread may start others until it ends itself.
        var joined = new HashSet<PipelineThread> { except };
        while (Next(joined) is { } thread)
        {
            var left = deadline - TimeProvider.System.GetElapsedTime(start);
            all &= thread.Join(left > TimeSpan.Zero && !thread.IsAbandoned ? left : TimeSpan.Zero);
            joined.Add(thread);
        }

        return all;
    }

    private static bool IsNewlyHung(PipelineThread thread) => thread.IsHung && !thread.IsAbandoned;

    private PipelineThread? Next(HashSet<PipelineThread> joined)
    {
        lock (_lock)
        {
            return _threads.Find(thread => !joined.Contains(thread));
        }
    }

    private void OnEnded(PipelineThread thread, Exception? escaped)
    {
        if (!thread.IsExpendable)
        {
            Interlocked.Decrement(ref _running);
        }

        ended(thread, escaped);
    }
}
