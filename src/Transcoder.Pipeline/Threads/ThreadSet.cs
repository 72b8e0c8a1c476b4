namespace Transcoder.Pipeline.Threads;

/// <summary>The threads of one worker: started here, watched here, joined here. Wakes its owner when one ends.</summary>
internal sealed class ThreadSet(TimeProvider time, Action<PipelineThread, Exception?> ended)
{
    private readonly Lock _lock = new();
    private readonly List<PipelineThread> _threads = [];
    private int _running;

    public int Running => Volatile.Read(ref _running);

    public PipelineThread Start(string name, Action<PipelineThread> body)
    {
        var thread = new PipelineThread(name, time, body, OnEnded);
        Interlocked.Increment(ref _running);
        lock (_lock)
        {
            // Started before anyone can see it: a thread that has not started can't be joined.
            thread.Start();
            _threads.Add(thread);
        }

        return thread;
    }

    /// <summary>Names of the threads that have been at one piece of work for longer than <paramref name="limit"/>: all of them, since one may hold another up.</summary>
    public IReadOnlyList<string> FindHung(TimeSpan limit)
    {
        lock (_lock)
        {
            return [.. _threads.Where(thread => thread.BusyFor > limit).Select(thread => thread.Name)];
        }
    }

    /// <returns>False when a thread did not end in time: it hangs in native code and only the end of the process removes it.</returns>
    public bool JoinAll(TimeSpan deadline, PipelineThread except)
    {
        var start = TimeProvider.System.GetTimestamp();
        var all = true;

        // By index, because a thread may start others until it ends itself.
        for (var i = 0; At(i) is { } thread; i++)
        {
            var left = deadline - TimeProvider.System.GetElapsedTime(start);
            all &= thread == except || thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }

        return all;
    }

    private PipelineThread? At(int index)
    {
        lock (_lock)
        {
            return index < _threads.Count ? _threads[index] : null;
        }
    }

    private void OnEnded(PipelineThread thread, Exception? escaped)
    {
        Interlocked.Decrement(ref _running);
        ended(thread, escaped);
    }
}
