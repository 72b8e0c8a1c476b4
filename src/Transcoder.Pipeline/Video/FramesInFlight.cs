using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Frames that went into an encoder and whose packets have not left, in presentation order. It finds the boundaries (every frame presented up to the
/// latest one has come out) and keeps the pictures of open mini-GOPs, so that another encoder can start over with the first frame that had not left.
/// </summary>
/// <param name="keep">Pictures kept at most; an encoder with a longer delay loses the oldest ones when it fails.</param>
/// <param name="members">Whose frames they are: each frame that leaves is counted there.</param>
internal sealed class FramesInFlight(int keep, LaneMembers members)
{
    private static readonly MediaTime Tolerance = new(500_000);

    private readonly List<Entry> _entries = [];
    private int _done;
    private int _latest = -1;
    private int _kept;

    public int Count => _entries.Count;

    /// <summary>All frames up to the latest that came out have come out.</summary>
    public bool AtBoundary => _done > 0 && _done == _latest + 1;

    /// <summary>Adds a reference to the picture. The caller adds in presentation order.</summary>
    public void Add(in Picture picture)
    {
        picture.AddReference();
        if (++_kept > keep)
        {
            var oldest = _entries.FindIndex(entry => entry.Picture is not null);
            _entries[oldest].Picture!.Value.Release();
            _entries[oldest] = _entries[oldest] with { Picture = null };
            _kept--;
        }

        _entries.Add(new Entry(picture.Frame.Pts, picture, Done: false));
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
    public void Swallowed(MediaTime pts)
    {
        for (var i = 0; i < _entries.Count && _entries[i].Pts < pts;)
        {
            if (_entries[i].Done)
            {
                i++;
                continue;
            }

            members.Lost(_entries[i].Pts);
            Drop(i);
            _latest -= i <= _latest ? 1 : 0;
        }
    }

    /// <summary>The packets up to the boundary have left.</summary>
    public void Flush()
    {
        var count = _latest + 1;
        for (var i = 0; i < count; i++)
        {
            members.Encoded(_entries[0].Pts);
            Drop(0);
        }

        _done -= count;
        _latest = -1;
    }

    /// <summary>
    /// Another encoder starts over: what had come out but not left counts as not encoded, and frames without a picture are lost.
    /// </summary>
    /// <returns>What it starts with; the caller owns a reference of each.</returns>
    public Picture[] Rewind()
    {
        _done = 0;
        _latest = -1;
        for (var i = _entries.Count - 1; i >= 0; i--)
        {
            if (_entries[i].Picture is null)
            {
                Remove(i);
            }
            else
            {
                _entries[i] = _entries[i] with { Done = false };
            }
        }

        Picture[] pictures = [.. _entries.Select(entry => entry.Picture!.Value)];
        foreach (var picture in pictures)
        {
            picture.AddReference();
        }

        return pictures;
    }

    /// <summary>A picture that can't be encoded is lost.</summary>
    public void Remove(MediaTime pts)
    {
        var index = _entries.FindIndex(entry => entry.Pts == pts && !entry.Done);
        if (index >= 0)
        {
            Remove(index);
            _latest -= index <= _latest ? 1 : 0;
        }
    }

    /// <summary>What is still in flight is lost.</summary>
    public void Clear()
    {
        while (_entries.Count > 0)
        {
            Remove(_entries.Count - 1);
        }

        _done = 0;
        _latest = -1;
    }

    private void Remove(int index)
    {
        members.Lost(_entries[index].Pts);
        Drop(index);
    }

    private void Drop(int index)
    {
        if (_entries[index].Picture is { } picture)
        {
            picture.Release();
            _kept--;
        }

        _entries.RemoveAt(index);
    }

    private readonly record struct Entry(MediaTime Pts, Picture? Picture, bool Done);
}
