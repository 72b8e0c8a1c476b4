using Transcoder.Media.Packets;

namespace Transcoder.Streams.Feeds;

/// <summary>A run and the sequence number of its first packet.</summary>
/// <param name="Since">When it set out, a timestamp of the feed's clock.</param>
internal readonly record struct PlacedRun(PacketRun Run, long From, long Since)
{
    public long End => From + Run.Packets.Count;
}

/// <summary>
/// Some of a feed's readers that wait level with each other: one thread gives the run to their receivers one after the other, and then lets them all wait on under
/// one lock. Whoever does not take it is woken. Belongs to its feed, which uses it again.
/// </summary>
internal sealed class FeedRow(StreamFeed feed) : IThreadPoolWorkItem
{
    // Another thread costs its wake-up, and the sockets' locks and caches go to and fro: a row of this many takes some 4 ms, and is faster alone.
    public const int Size = 512;

    // Readers whose way to the kernel is fetched into the caches together: one after the other each is a chain of misses. No more, as the kernel's work for one throws out the last ones' again.
    private const int Abreast = 8;

    private PacketRun? _run;

    /// <summary>For the chain of rows that one run makes.</summary>
    public FeedRow? Next { get; set; }

    public List<FeedReader> Readers { get; } = new(16);

    /// <summary>Readers that have taken the run, from the first on; the others follow.</summary>
    public int Taken { get; private set; }

    /// <summary>Sequence number behind the run.</summary>
    public long End { get; private set; }

    /// <summary>When the run set out.</summary>
    public long Since { get; private set; }

    /// <summary>Under the feed's lock.</summary>
    public void Begin(PlacedRun run)
    {
        run.Run.AddReference();
        _run = run.Run;
        End = run.End;
        Since = run.Since;
    }

    /// <summary>Outside the feed's lock: the rows of one run, of which this is the first, set out; this one on the thread that is here.</summary>
    public void Start()
    {
        var others = Next;
        Next = null;
        while (others is not null)
        {
            var row = others;
            others = row.Next;
            row.Next = null;
            ThreadPool.UnsafeQueueUserWorkItem(row, preferLocal: false);
        }

        Deliver();
    }

    void IThreadPoolWorkItem.Execute() => Deliver();

    private void Approach(int first)
    {
        for (var i = first; i < Math.Min(first + Abreast, Readers.Count); i++)
        {
            Readers[i].Approach();
        }
    }

    private void Deliver()
    {
        var run = _run!;
        _run = null;
        Taken = 0;
        try
        {
            for (var i = 0; i < Readers.Count; i++)
            {
                if (i % Abreast == 0)
                {
                    Approach(i);
                }

                var reader = Readers[i];
                if (reader.TryDeliver(run))
                {
                    Readers[i] = Readers[Taken];
                    Readers[Taken++] = reader;
                }
            }
        }
        finally
        {
            run.Release();
            if (feed.Settle(this))
            {
                // Its next run is there already. Others have waited for this thread meanwhile.
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }
    }
}
