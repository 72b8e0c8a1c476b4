using Transcoder.Media.Packets;

namespace Transcoder.Streams.Feeds;

/// <content>When readers are woken, and the run that they are woken for or given.</content>
public sealed partial class StreamFeed
{
    // A run becomes one block: more than this is read packet by packet. Arbitrary; 300 ms of 28 Mb/s.
    private const int LongestRun = 1 << 20;

    // A row that was busy finds what was published meanwhile, as long as it is not further behind than this.
    private const int RunsKept = 8;

    private readonly FeedWakeUp _wakeUp = new();
    private readonly FeedGathering _gathering;
    private readonly Stack<FeedRow> _idleRows = new();

    // Readers that wait for nothing but the next packet: the transcoder's, and those that have not had their first yet.
    private readonly List<FeedReader> _prompt = [];

    // The newest runs, while a row is under way.
    private readonly Queue<PlacedRun> _runs = new(RunsKept);
    private int _rowsUnderWay;

    // Readers have been woken for all before this.
    private long _released;

    /// <summary>How far readers that gather are let: behind it packets wait for others.</summary>
    internal long Released => _gathering.Holding ? _released : Head;

    /// <summary>The reader has had its first packet and gathers from now on.</summary>
    internal void Settle(FeedReader reader) => _prompt.Remove(reader);

    /// <summary>A row has delivered: its readers stay for the run that follows where that is there already, wait on, or are woken.</summary>
    /// <returns>Whether the row has another run to deliver.</returns>
    internal bool Settle(FeedRow row)
    {
        var waking = 0;
        bool again;
        lock (_gate)
        {
            _gathering.NoteDelivery(row.Since);
            var (next, staying) = (RunAt(row.End), 0);
            for (var i = 0; i < row.Readers.Count; i++)
            {
                var reader = row.Readers[i];
                if (i < row.Taken)
                {
                    reader.MoveBehind(row.End);
                    if (next is not null && reader.TakeLevel(row.End))
                    {
                        row.Readers[staying++] = reader;
                        continue;
                    }

                    if (reader.WaitOn())
                    {
                        continue;
                    }
                }

                _wakeUp.Add(reader);
                waking++;
            }

            row.Readers.RemoveRange(staying, row.Readers.Count - staying);
            again = staying > 0;
            if (again)
            {
                row.Begin(next!.Value);
            }
            else
            {
                _idleRows.Push(row);
                if (--_rowsUnderWay == 0)
                {
                    ForgetRuns();
                }
            }
        }

        _wakeUp.Start(waking);
        return again;
    }

    /// <summary>A few times a second, by the registry: lets go what is held for a packet that did not come.</summary>
    internal void Tick()
    {
        (int Waking, FeedRow? Rows) released;
        lock (_gate)
        {
            if (_end is not null || !_gathering.TimeIsUp)
            {
                return;
            }

            released = ReleaseHeld();
        }

        Start(released);
    }

    private void Start((int Waking, FeedRow? Rows) released)
    {
        _wakeUp.Start(released.Waking);
        released.Rows?.Start();
    }

    /// <returns>How many readers are to be woken, and the rows that set out.</returns>
    private (int Waking, FeedRow? Rows) ReleaseHeld()
    {
        _gathering.Stop();
        var from = _released;
        _released = Head;
        if ((_readers.Count > _prompt.Count ? MakeRun(from) : null) is not { } made)
        {
            return (AddWaiting(_readers), null);
        }

        var run = new PlacedRun(made, from, _clock.GetTimestamp());
        FeedRow? rows = null;
        var waking = 0;
        foreach (var reader in _readers)
        {
            if (reader.TakeLevel(from))
            {
                if (rows is null || rows.Readers.Count == FeedRow.Size)
                {
                    rows = NewRow(run, rows);
                }

                rows.Readers.Add(reader);
            }
            else if (reader.TakeWaiting())
            {
                _wakeUp.Add(reader);
                waking++;
            }
        }

        if (_rowsUnderWay > 0)
        {
            KeepRun(run);
        }

        made.Release();
        return (waking, rows);
    }

    private FeedRow NewRow(PlacedRun run, FeedRow? next)
    {
        _rowsUnderWay++;
        var row = _idleRows.TryPop(out var idle) ? idle : new FeedRow(this);
        row.Next = next;
        row.Begin(run);
        return row;
    }

    private void KeepRun(PlacedRun run)
    {
        if (_runs.Count == RunsKept)
        {
            _runs.Dequeue().Run.Release();
        }

        run.Run.AddReference();
        _runs.Enqueue(run);
    }

    private PlacedRun? RunAt(long from)
    {
        foreach (var run in _runs)
        {
            if (run.From == from)
            {
                return run;
            }
        }

        return null;
    }

    private void ForgetRuns()
    {
        while (_runs.TryDequeue(out var run))
        {
            run.Run.Release();
        }
    }

    private PacketRun? MakeRun(long from)
    {
        if (from < Tail)
        {
            return null;
        }

        var bytes = 0L;
        for (var sequence = from; sequence < Head; sequence++)
        {
            bytes += At(sequence).Payload.Length;
        }

        if (bytes > LongestRun)
        {
            return null;
        }

        var run = PacketRun.Begin();
        for (var sequence = from; sequence < Head; sequence++)
        {
            run.Add(At(sequence));
        }

        return run;
    }

    private int AddWaiting(List<FeedReader> readers)
    {
        var added = 0;
        foreach (var reader in readers)
        {
            if (reader.TakeWaiting())
            {
                _wakeUp.Add(reader);
                added++;
            }
        }

        return added;
    }
}
