using System.Diagnostics;

namespace Transcoder.LoadGenerator;

/// <summary>
/// What one viewer has been sent of a range of packets: which numbers, in what order, and how long it waited between them. One thread adds; another closes it, and
/// reads it when nothing more is added.
/// </summary>
/// <param name="first">The first packet of the range.</param>
/// <param name="started">When the range began, so that a viewer that gets nothing at first, or at all, has stalled.</param>
internal sealed class ArrivalLog(long first, long started)
{
    private static readonly TimeSpan StallAfter = TimeSpan.FromSeconds(1);

    // By number: a packet that came twice must not stand for one that never came.
    private readonly List<bool> _seen = [];
    private long _end = long.MaxValue;
    private long _ended;
    private long _last = first - 1;
    private long _lastArrival = started;
    private int _pauses;

    /// <summary>Packets that had come before.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Times that a number was not the one after the last, but a later one.</summary>
    public int Gaps { get; private set; }

    /// <summary>Times that a number was an earlier one that had not come yet.</summary>
    public int StepsBack { get; private set; }

    /// <summary>Packets of the range that never came.</summary>
    public long Missing => _end - first - _seen.Take((int)(_end - first)).Count(seen => seen);

    /// <summary>Waits of more than a second for the next packet, those from the start to the first and from the last to the end included.</summary>
    public int Stalls => _pauses + (Stopwatch.GetElapsedTime(_lastArrival, _ended) > StallAfter ? 1 : 0);

    /// <returns>Whether the packet belongs to the range and is new.</returns>
    public bool Add(long number, long now)
    {
        if (number < first || number >= Volatile.Read(ref _end))
        {
            return false;
        }

        if (Stopwatch.GetElapsedTime(_lastArrival, now) > StallAfter)
        {
            _pauses++;
        }

        _lastArrival = now;
        var place = (int)(number - first);
        while (_seen.Count <= place)
        {
            _seen.Add(false);
        }

        if (_seen[place])
        {
            Duplicates++;
            return false;
        }

        _seen[place] = true;
        Gaps += number > _last + 1 ? 1 : 0;
        StepsBack += number < _last ? 1 : 0;
        _last = number;
        return true;
    }

    /// <summary>The range ends before number <paramref name="end"/>.</summary>
    public void Close(long end, long now)
    {
        _ended = now;
        Volatile.Write(ref _end, end);
    }
}
