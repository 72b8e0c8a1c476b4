using Transcoder.Media.Time;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// The way back from an encoder's own clock to the source's. Encoders count frames (their time bases are too coarse or too limited for
/// nanoseconds, and rate control wants the nominal rate); each unit's PTS and DTS are frame numbers, looked up here, exact to the nanosecond.
/// </summary>
/// <param name="step">Nominal time between frames: only for DTS before the first frame (reordering delay) and units after the last (drained padding).</param>
internal sealed class SourceTimes(MediaTime step)
{
    // More frames than any encoder holds back: x264 at most 250 + threads.
    private const int Capacity = 1024;

    private readonly MediaTime[] _times = new MediaTime[Capacity];
    private MediaTime _first;

    /// <summary>Frames noted.</summary>
    public long Count { get; private set; }

    /// <returns>The frame's number.</returns>
    public long Add(MediaTime time)
    {
        if (Count == 0)
        {
            _first = time;
        }

        _times[Count % Capacity] = time;
        return Count++;
    }

    public MediaTime At(long number)
    {
        if (number < 0)
        {
            return new MediaTime(_first.Nanoseconds + (number * step.Nanoseconds));
        }

        if (number >= Count)
        {
            var last = Count == 0 ? _first : _times[(Count - 1) % Capacity];
            return new MediaTime(last.Nanoseconds + ((number - Count + 1) * step.Nanoseconds));
        }

        if (number < Count - Capacity)
        {
            throw new InvalidOperationException($"The encoder gave back frame {number} after {Count - number} others.");
        }

        return _times[number % Capacity];
    }
}
