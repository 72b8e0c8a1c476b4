using Transcoder.Media.Packets;

namespace Transcoder.Streams.Feeds;

/// <content>When readers are woken, and the run that they are woken for.</content>
public sealed partial class StreamFeed
{
    // A run becomes one block: more than this is read packet by packet. Arbitrary; 300 ms of 28 Mb/s.
    private const int LongestRun = 1 << 20;

    private readonly FeedWakeUp _wakeUp = new();
    private readonly FeedGathering _gathering;

    // Readers that wait for nothing but the next packet: the transcoder's, and those that have not had their first yet.
    private readonly List<FeedReader> _prompt = [];

    // Readers have been woken for all before this; the newest run ends here.
    private long _released;
    private PacketRun? _run;
    private long _runFrom;

    /// <summary>How far readers that gather are let: behind it packets wait for others.</summary>
    internal long Released => _gathering.Holding ? _released : _head;

    /// <summary>The newest run, with a reference for the caller, where it begins at <paramref name="cursor"/>, which moves behind it.</summary>
    internal PacketRun? TakeRun(ref long cursor)
    {
        if (_run is null || _runFrom != cursor)
        {
            return null;
        }

        cursor += _run.Packets.Count;
        _run.AddReference();
        return _run;
    }

    /// <summary>The reader has had its first packet and gathers from now on.</summary>
    internal void Settle(FeedReader reader) => _prompt.Remove(reader);

    /// <summary>By the timer.</summary>
    private void Wake()
    {
        int waking;
        lock (_gate)
        {
            if (_end is not null || !_gathering.Holding)
            {
                return;
            }

            waking = ReleaseHeld();
        }

        _wakeUp.Start(waking);
    }

    /// <returns>How many readers are to be woken.</returns>
    private int ReleaseHeld()
    {
        _gathering.Stop();
        _runFrom = _released;
        _released = _head;
        _run?.Release();
        _run = _readers.Count > _prompt.Count ? MakeRun() : null;
        return AddWaiting(_readers);
    }

    private PacketRun? MakeRun()
    {
        if (_runFrom < _tail)
        {
            return null;
        }

        var bytes = 0L;
        for (var sequence = _runFrom; sequence < _head; sequence++)
        {
            bytes += At(sequence).Payload.Length;
        }

        if (bytes > LongestRun)
        {
            return null;
        }

        var run = PacketRun.Begin();
        for (var sequence = _runFrom; sequence < _head; sequence++)
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
