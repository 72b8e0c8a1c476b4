using System.Collections.Concurrent;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// Wakes the readers of a feed in rows: a few runs on the pool take reader after reader, and each goes on where it is taken. That is one queued item per
/// processor and packet instead of one per reader. Under load the runs fall behind, and a reader finds several packets when its turn comes.
/// </summary>
internal sealed class FeedWakeUp : IThreadPoolWorkItem
{
    // A run that wakes fewer is not worth another thread. Arbitrary.
    private const int ReadersPerRun = 8;

    private readonly ConcurrentQueue<FeedReader> _readers = new();
    private int _added;
    private int _runs;

    /// <summary>By the feed's one writer.</summary>
    public void Add(FeedReader reader)
    {
        _readers.Enqueue(reader);
        _added++;
    }

    /// <summary>By the feed's one writer, outside its lock.</summary>
    public void Start()
    {
        for (; _added > 0; _added -= Math.Min(_added, ReadersPerRun))
        {
            if (Interlocked.Increment(ref _runs) > Environment.ProcessorCount)
            {
                // Enough are under way. One of them may just be ending: it looks at the queue after it has counted itself out.
                Interlocked.Decrement(ref _runs);
                _added = 0;
                return;
            }

            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        do
        {
            try
            {
                while (_readers.TryDequeue(out var reader))
                {
                    reader.Wake(inline: true);
                }
            }
            finally
            {
                Interlocked.Decrement(ref _runs);
            }
        }
        while (!_readers.IsEmpty && Interlocked.Increment(ref _runs) > 0);
    }
}
