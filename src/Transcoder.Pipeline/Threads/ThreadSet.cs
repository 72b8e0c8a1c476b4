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
        lock (_lock)
        {
            _threads.Add(thread);
        }

        Interlocked.Increment(ref _running);
        thread.Start();
        return thread;
    }

    /// <summary>The first thread that has been at one piece of work for longer than <paramref name="limit"/>, or null.</summary>
    public PipelineThread? FindHung(TimeSpan limit)
    {
        lock (_lock)
        {
            return _threads.Find(thread => thread.BusyFor > limit);
        }
    }

    /// <returns>False when a thread did not end in time: it hangs in native code and only the end of the process removes it.</returns>
    public bool JoinAll(TimeSpan deadline, PipelineThread except)
    {
        PipelineThread[] threads;
        lock (_lock)
        {
            threads = [.. _threads.Where(thread => thread != except)];
        }

        var start = TimeProvider.System.GetTimestamp();
        var all = true;
        foreach (var thread in threads)
        {
            var left = deadline - TimeProvider.System.GetElapsedTime(start);
            all &= thread.Join(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }

        return all;
    }

    private void OnEnded(PipelineThread thread, Exception? escaped)
    {
        Interlocked.Decrement(ref _running);
        ended(thread, escaped);
    }
}
