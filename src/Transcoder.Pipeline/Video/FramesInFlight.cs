using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Frames that went into an encoder and whose packets have not left, in presentation order. It finds the boundaries (every frame presented up to the
/// latest one has come out) and keeps the pictures of open mini-GOPs, so that another encoder can start over with the first frame that had not left.
/// </summary>
/// <param name="keep">Pictures kept at most; an encoder with a longer delay loses the oldest ones when it fails.</param>
internal sealed class FramesInFlight(int keep)
{
    private static readonly MediaTime Tolerance = new(500_000);

    private readonly List<Entry> _entries = [];
    private int _done;
    private int _latest = -1;
    private int _kept;

    public int Count => _entries.Count;

    /// <summary>All frames up to the latest that came out have come out.</summary>
    public bool AtBoundary => _done > 0 && _done == _latest + 1;

    /// <summary>Adds a reference to the frame. The caller adds in presentation order.</summary>
    public void Add(Frame frame, bool keyframe)
    {
        frame.AddReference();
        if (++_kept > keep)
        {
            var oldest = _entries.FindIndex(entry => entry.Frame is not null);
            _entries[oldest].Frame!.Release();
            _entries[oldest] = _entries[oldest] with { Frame = null };
            _kept--;
        }

        _entries.Add(new Entry(frame.Pts, frame, keyframe, Done: false));
    }

    /// <summary>A unit came out of the encoder.</summary>
    /// <param name="exact">The frame's own time: an encoder's coarser time base may have rounded it.</param>
    /// <returns>False when no frame in flight has that time.</returns>
    public bool Complete(MediaTime pts, out MediaTime exact)
    {
        for (var i = 0; i < _entries.Count; i++)
        {
            var off = _entries[i].Pts - pts;
            if (!_entries[i].Done && off <= Tolerance && off >= -Tolerance)
            {
                exact = _entries[i].Pts;
                _entries[i] = _entries[i] with { Done = true };
                _done++;
                _latest = Math.Max(_latest, i);
                return true;
            }
        }

        exact = pts;
        return false;
    }

    /// <summary>Forgets frames before <paramref name="pts"/> that have not come out: after an IDR, or without B-frames, they never will.</summary>
    /// <returns>How many.</returns>
    public int Swallowed(MediaTime pts)
    {
        var gone = 0;
        for (var i = 0; i < _entries.Count && _entries[i].Pts < pts;)
        {
            if (_entries[i].Done)
            {
                i++;
                continue;
            }

            Drop(i);
            _latest -= i <= _latest ? 1 : 0;
            gone++;
        }

        return gone;
    }

    /// <summary>The packets up to the boundary have left.</summary>
    /// <returns>How many frames.</returns>
    public int Flush()
    {
        var count = _latest + 1;
        for (var i = 0; i < count; i++)
        {
            Drop(0);
        }

        _done -= count;
        _latest = -1;
        return count;
    }

    /// <summary>The encoder failed: what had come out but not left counts as not encoded, and frames without a picture are lost.</summary>
    /// <returns>How many are lost.</returns>
    public int Rewind()
    {
        _done = 0;
        _latest = -1;
        var lost = _entries.RemoveAll(entry => entry.Frame is null);
        for (var i = 0; i < _entries.Count; i++)
        {
            _entries[i] = _entries[i] with { Done = false };
        }

        return lost;
    }

    public (Frame Frame, bool Keyframe) this[int index] => (_entries[index].Frame!, _entries[index].Keyframe);

    /// <returns>How many frames were still in flight.</returns>
    public int Clear()
    {
        var count = _entries.Count;
        while (_entries.Count > 0)
        {
            Drop(_entries.Count - 1);
        }

        _done = 0;
        _latest = -1;
        return count;
    }

    private void Drop(int index)
    {
        if (_entries[index].Frame is { } frame)
        {
            frame.Release();
            _kept--;
        }

        _entries.RemoveAt(index);
    }

    private readonly record struct Entry(MediaTime Pts, Frame? Frame, bool Keyframe, bool Done);
}
