using System.Collections.Concurrent;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// Wakes the readers of a feed in rows: a few runs on the pool take reader after reader, and each goes on where it is taken. That is one queued item per
/// processor and packet instead of one per reader. Under load the runs fall behind, and a reader finds several packets when its turn comes.
/// </summary>
internal sealed class FeedWakeUp : IThreadPoolWorkItem
{
    // Another thread costs its wake-up, and the sockets' locks and caches go to and fro: a row of this many takes 2 ms by itself, and is faster alone.
    private const int ReadersPerRun = 256;

    private readonly ConcurrentQueue<FeedReader> _readers = new();
    private int _runs;

    public void Add(FeedReader reader) => _readers.Enqueue(reader);

    /// <summary>Outside the feed's lock.</summary>
    /// <param name="added">How many readers were added since the last start.</param>
    public void Start(int added)
    {
        for (; added > 0; added -= ReadersPerRun)
        {
            if (Interlocked.Increment(ref _runs) > Environment.ProcessorCount)
            {
                // Enough are under way. One of them may just be ending: it looks at the queue after it has counted itself out.
                Interlocked.Decrement(ref _runs);
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
