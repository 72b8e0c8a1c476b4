using Transcoder.Media.Packets;

namespace Transcoder.Pipeline.Video;

internal enum FrameRoom
{
    /// <summary>The next <see cref="FrameQueue.Put"/> finds room.</summary>
    Free,

    /// <summary>Full, and waiting is over: this frame is dropped.</summary>
    Full,

    /// <summary>The rendition has ended.</summary>
    Closed,
}

/// <summary>
/// From the decode thread to one encode thread. Short, because a frame is megabytes. When it is full the writer waits for as long as the lag gate
/// lets it, then the new frame is dropped; a keyframe of the grid takes the place of an older frame instead. One writer, one reader.
/// </summary>
internal sealed class FrameQueue
{
    public const int Capacity = 3;

    // How often the lag gate is asked while waiting.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(10);

    private readonly object _gate = new();
    private readonly List<(Frame Frame, bool Keyframe)> _frames = new(Capacity);
    private bool _completed;
    private bool _aborted;

    /// <summary>Room is asked for before the frame is scaled: a frame that is dropped costs nothing.</summary>
    /// <param name="evicted">Older frames dropped to make room for a keyframe.</param>
    public FrameRoom WaitForRoom(bool keyframe, LagGate lag, out int evicted)
    {
        evicted = 0;
        lock (_gate)
        {
            while (true)
            {
                if (_aborted)
                {
                    return FrameRoom.Closed;
                }

                if (_frames.Count < Capacity)
                {
                    return FrameRoom.Free;
                }

                if (!lag.MayWait())
                {
                    if (!keyframe)
                    {
                        return FrameRoom.Full;
                    }

                    var oldest = _frames.FindIndex(entry => !entry.Keyframe);
                    if (oldest >= 0)
                    {
                        _frames[oldest].Frame.Release();
                        _frames.RemoveAt(oldest);
                        evicted++;
                        return FrameRoom.Free;
                    }
                }

                Monitor.Wait(_gate, Slice);
            }
        }
    }

    /// <summary>Takes over a reference, also when it answers false because the rendition has ended.</summary>
    public bool Put(Frame frame, bool keyframe)
    {
        lock (_gate)
        {
            if (!_aborted)
            {
                _frames.Add((frame, keyframe));
                Monitor.PulseAll(_gate);
                return true;
            }
        }

        frame.Release();
        return false;
    }

    /// <summary>Waits for a frame, which the caller then owns.</summary>
    /// <returns>False at the end; <see cref="IsAborted"/> tells an end from a drain.</returns>
    public bool Take(out Frame frame, out bool keyframe)
    {
        lock (_gate)
        {
            while (!_aborted && !_completed && _frames.Count == 0)
            {
                Monitor.Wait(_gate, TimeSpan.FromSeconds(1));
            }

            if (_aborted || _frames.Count == 0)
            {
                frame = null!;
                keyframe = false;
                return false;
            }

            (frame, keyframe) = _frames[0];
            _frames.RemoveAt(0);
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    public bool IsAborted => Volatile.Read(ref _aborted);

    /// <summary>No more frames: the reader takes what is left, then drains.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <returns>Frames thrown away.</returns>
    public int Abort()
    {
        lock (_gate)
        {
            _aborted = true;
            var thrown = _frames.Count;
            foreach (var (frame, _) in _frames)
            {
                frame.Release();
            }

            _frames.Clear();
            Monitor.PulseAll(_gate);
            return thrown;
        }
    }
}
