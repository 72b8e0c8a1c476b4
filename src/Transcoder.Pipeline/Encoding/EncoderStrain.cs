using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Encoding;

/// <summary>
/// Whether an encoder keeps up: the time spent in it against the duration of the frames it took. Bursts don't matter: a fast encoder stays far below 1
/// however its frames come. One thread.
/// </summary>
internal sealed class EncoderStrain(TimeProvider time)
{
    // Long enough for a hiccup to pass, short enough for the lag that may be waited for to last until the move.
    private static readonly TimeSpan Window = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AtMostEach = TimeSpan.FromSeconds(1);

    // A source's pause is no time that an encoder had.
    private static readonly MediaTime LongestFrame = MediaTime.FromMilliseconds(200);

    private TimeSpan _worked;
    private MediaTime _media;
    private MediaTime? _last;
    private long _began = time.GetTimestamp();
    private long? _told;

    public void Worked(TimeSpan spent) => _worked += spent;

    /// <summary>A frame went in.</summary>
    public void Sent(MediaTime pts)
    {
        if (_last is { } last && pts > last)
        {
            _media += MediaTime.Min(pts - last, LongestFrame);
        }

        _last = pts;
    }

    /// <summary>Asked after each frame.</summary>
    /// <param name="queued">Frames wait: an encoder without a queue has time to spare, whatever it takes.</param>
    /// <returns>The ratio where it is news that the encoder falls behind, else null.</returns>
    public double? Look(bool queued)
    {
        if (!queued)
        {
            Begin();
            return null;
        }

        if (time.GetElapsedTime(_began) < Window || _media <= MediaTime.Zero)
        {
            return null;
        }

        var ratio = _worked / _media.ToTimeSpan();
        Begin();
        if (ratio <= 1 || (_told is { } told && time.GetElapsedTime(told) < AtMostEach))
        {
            return null;
        }

        _told = time.GetTimestamp();
        return ratio;
    }

    private void Begin()
    {
        _began = time.GetTimestamp();
        _worked = TimeSpan.Zero;
        _media = MediaTime.Zero;
    }
}
