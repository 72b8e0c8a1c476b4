using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>Picks the frames of a slower rung: one for each 1/rate of the timeline. Keyframes of the grid are always picked.</summary>
/// <param name="rate">Frames a second; 0 picks all.</param>
internal sealed class FrameRateReduction(double rate)
{
    // Cells begin a quarter early, so that a timestamp rounded to milliseconds doesn't fall into the cell before its own.
    private const double Phase = 0.25;

    private long _cell = long.MinValue;

    public bool Picks(MediaTime pts, bool keyframe)
    {
        if (rate <= 0)
        {
            return true;
        }

        var cell = (long)Math.Floor((pts.Seconds * rate) + Phase);
        if (cell == _cell && !keyframe)
        {
            return false;
        }

        _cell = cell;
        return true;
    }
}
