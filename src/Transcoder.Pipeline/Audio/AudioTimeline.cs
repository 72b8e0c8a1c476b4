namespace Transcoder.Pipeline.Audio;

internal enum AudioPlacement
{
    /// <summary>Where it was expected, or near enough.</summary>
    Append,

    /// <summary>A hole: so many samples of silence first.</summary>
    Fill,

    /// <summary>It begins before the end of what is there: so many samples too many.</summary>
    Trim,

    /// <summary>It lies before the end of what is there altogether.</summary>
    Discard,

    /// <summary>A hole too long to fill: the timeline goes on at the frame's own time.</summary>
    Reanchor,
}

/// <summary>
/// Keeps coded audio at the source's timestamps although samples are counted and timestamps are rounded: one answer for each decoded frame. Error
/// that comes and goes is jitter and is left alone; error that stays is a hole, an overlap or a drifting clock, and is corrected well before
/// picture and sound are 20 ms apart for long.
/// </summary>
/// <param name="rate">Hz of all sample counts.</param>
internal sealed class AudioTimeline(int rate)
{
    // One frame this far off is believed at once.
    private readonly int _jump = rate * 40 / 1000;

    // This far off, three frames in a row are believed: one lost AAC frame is 21 ms.
    private readonly int _step = rate * 15 / 1000;
    private const int StepFrames = 3;

    // A drifting clock is followed in corrections of this size: rare, and short enough to go unheard.
    private readonly int _drift = rate * 10 / 1000;
    private const double DriftWeight = 1.0 / 16;

    private readonly int _longestFill = rate * 2;

    private bool _anchored;
    private double _average;
    private int _stepsSeen;
    private int _stepError;

    /// <param name="actual">The frame's first sample on the source's timeline.</param>
    /// <param name="expected">The sample after the last one stored.</param>
    /// <param name="length">The frame's samples.</param>
    public AudioPlacement Place(long actual, long expected, int length, out int samples)
    {
        var error = actual - expected;
        samples = 0;
        if (error > _longestFill)
        {
            Settle();
            return AudioPlacement.Reanchor;
        }

        if (error <= -length)
        {
            return AudioPlacement.Discard;
        }

        // Where a timeline begins there is nothing to be gentle with: it is exact.
        if (!_anchored || Math.Abs(error) >= _jump)
        {
            Settle();
            return Correct((int)error, length, out samples);
        }

        _average += (error - _average) * DriftWeight;
        if (Math.Abs(error) < _step || (_stepsSeen > 0 && Math.Sign(error) != Math.Sign(_stepError)))
        {
            _stepsSeen = 0;
        }
        else
        {
            _stepError = _stepsSeen == 0 || Math.Abs(error) < Math.Abs(_stepError) ? (int)error : _stepError;
            _stepsSeen++;
        }

        if (_stepsSeen >= StepFrames)
        {
            var step = _stepError;
            Settle();
            return Correct(step, length, out samples);
        }

        if (Math.Abs(_average) >= _drift)
        {
            var drift = (int)_average;
            Settle();
            return Correct(drift, length, out samples);
        }

        return AudioPlacement.Append;
    }

    private void Settle()
    {
        _anchored = true;
        _average = 0;
        _stepsSeen = 0;
    }

    private static AudioPlacement Correct(int error, int length, out int samples)
    {
        samples = Math.Min(Math.Abs(error), error < 0 ? length : int.MaxValue);
        return error switch
        {
            0 => AudioPlacement.Append,
            > 0 => AudioPlacement.Fill,
            _ => AudioPlacement.Trim,
        };
    }
}
