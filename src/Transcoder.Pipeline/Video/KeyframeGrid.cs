using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Where all renditions have their IDRs: the first frame, in presentation order, of each interval of the source's own timeline. The answer depends
/// on timestamps alone, so that every rendition, and every worker after a restart, comes to the same one.
/// </summary>
internal sealed class KeyframeGrid(MediaTime interval)
{
    private readonly long _interval = interval > MediaTime.Zero ? interval.Nanoseconds : throw new ArgumentOutOfRangeException(nameof(interval));
    private long? _cell;

    /// <summary>Asked once for each decoded frame. The first frame a worker sees is no grid point: its cell may have begun before it.</summary>
    public bool IsKeyframe(MediaTime pts)
    {
        var cell = CellOf(pts.Nanoseconds, _interval);
        var begins = _cell is { } last && cell != last;
        _cell = cell;
        return begins;
    }

    private static long CellOf(long value, long interval) => value >= 0 ? value / interval : -((-value + interval - 1) / interval);
}
