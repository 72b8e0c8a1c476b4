using Transcoder.Media.Time;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// When a kind's packets come: by their mean interval, and by how much later than their DTS they come on average. The last one's own lateness says little of the next one's,
/// and a DTS that was rounded to milliseconds little of the interval.
/// </summary>
internal struct Rhythm()
{
    // What the averages go back to: less than a second's. A source that changes its pace, or the network its delay, is followed in a second or two.
    private const int Packets = 16;

    // Another timeline, or a source that stood still.
    private static readonly MediaTime Break = MediaTime.FromMilliseconds(200);

    private MediaTime _last = MediaTime.MinValue;
    private MediaTime _interval;
    private MediaTime _lateness;

    /// <param name="dts">The packet's.</param>
    /// <param name="now">When it has come, on any clock.</param>
    public void Note(MediaTime dts, MediaTime now)
    {
        var late = now - dts;
        if (_last == MediaTime.MinValue || dts < _last || dts - _last > Break || Math.Abs((late - _lateness).Nanoseconds) > Break.Nanoseconds)
        {
            (_last, _lateness) = (dts, late);
            return;
        }

        // Where it is the same, it is another track's.
        if (dts > _last)
        {
            _lateness = Averaged(_lateness, late);
            _interval = _interval == MediaTime.Zero ? dts - _last : Averaged(_interval, dts - _last);
            _last = dts;
        }
    }

    /// <summary>Whether the next one is to come within <paramref name="hold"/>.</summary>
    /// <param name="patience">One that is late by more is not waited for: the source may have stopped sending its kind.</param>
    public readonly bool IsDue(MediaTime now, MediaTime hold, MediaTime patience)
    {
        var due = _last + _interval + _lateness - now;
        return _interval > MediaTime.Zero && due <= hold && due > -patience;
    }

    private static MediaTime Averaged(MediaTime average, MediaTime value) => new(((average.Nanoseconds * (Packets - 1)) + value.Nanoseconds) / Packets);
}
