using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

internal enum FrameRoom
{
    /// <summary>The next <see cref="FrameQueue.Put"/> finds room.</summary>
    Free,

    /// <summary>Full, and waiting is over: this frame is dropped.</summary>
    Full,

    /// <summary>The renditions have ended.</summary>
    Closed,
}

internal enum FrameQueueEvent
{
    Picture,

    /// <summary>Somebody called <see cref="FrameQueue.Notify"/>.</summary>
    Notice,

    /// <summary>Nothing happened for a while.</summary>
    Quiet,

    /// <summary>All pictures were taken and no more come.</summary>
    Drained,

    Aborted,
}

/// <summary>
/// From the decode thread to one encode thread. Short, because a frame is megabytes, but longer while the lane has no encoder: a move shall cost no frame.
/// When it is full the writer waits for as long as the lag gate lets it, then the new frame is dropped; a keyframe of the grid takes the place of an
/// older frame instead. One writer, one reader.
/// </summary>
internal sealed class FrameQueue
{
    public const int Capacity = 3;

    /// <summary>Without an encoder: half a second of a fast source, a second of a slow one.</summary>
    public const int CapacityWithoutEncoder = 32;

    // How often the lag gate is asked while waiting.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly object _gate = new();
    private readonly List<Picture> _pictures = new(Capacity);
    private bool _notified;
    private bool _completed;
    private bool _aborted;
    private bool _hasEncoder;

    /// <summary>The lane is between two encoders: its writer is more patient.</summary>
    public bool IsMoving { get; set; }

    /// <summary>Whether pictures are taken now.</summary>
    public bool HasEncoder
    {
        set
        {
            lock (_gate)
            {
                _hasEncoder = value;
                Monitor.PulseAll(_gate);
            }
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (_gate)
            {
                return _pictures.Count == 0;
            }
        }
    }

    public bool IsAborted => Volatile.Read(ref _aborted);

    /// <summary>Room is asked for before the frame is scaled: a frame that is dropped costs nothing.</summary>
    /// <param name="evicted">An older frame dropped to make room for a keyframe.</param>
    public FrameRoom WaitForRoom(bool keyframe, LagGate lag, out MediaTime? evicted)
    {
        evicted = null;
        lock (_gate)
        {
            while (true)
            {
                if (_aborted)
                {
                    return FrameRoom.Closed;
                }

                if (_pictures.Count < (_hasEncoder ? Capacity : CapacityWithoutEncoder))
                {
                    return FrameRoom.Free;
                }

                if (!lag.MayWait(IsMoving || !_hasEncoder))
                {
                    if (!keyframe)
                    {
                        return FrameRoom.Full;
                    }

                    var oldest = _pictures.FindIndex(picture => !picture.Keyframe);
                    if (oldest >= 0)
                    {
                        evicted = _pictures[oldest].Frame.Pts;
                        _pictures[oldest].Release();
                        _pictures.RemoveAt(oldest);
                        return FrameRoom.Free;
                    }
                }

                Monitor.Wait(_gate, Slice);
            }
        }
    }

    /// <summary>Takes over a reference, also when it answers false because the renditions have ended.</summary>
    public bool Put(in Picture picture)
    {
        lock (_gate)
        {
            if (!_aborted)
            {
                _pictures.Add(picture);
                Monitor.PulseAll(_gate);
                return true;
            }
        }

        picture.Release();
        return false;
    }

    /// <summary>Waits for what the encode thread must do next; a picture is the caller's then.</summary>
    public FrameQueueEvent Take(out Picture picture)
    {
        lock (_gate)
        {
            var quiet = false;
            while (true)
            {
                picture = default;
                if (_aborted)
                {
                    return FrameQueueEvent.Aborted;
                }

                if (_notified)
                {
                    _notified = false;
                    return FrameQueueEvent.Notice;
                }

                if (_hasEncoder && _pictures.Count > 0)
                {
                    picture = _pictures[0];
                    _pictures.RemoveAt(0);
                    Monitor.PulseAll(_gate);
                    return FrameQueueEvent.Picture;
                }

                if (_hasEncoder && _completed)
                {
                    return FrameQueueEvent.Drained;
                }

                if (quiet)
                {
                    return FrameQueueEvent.Quiet;
                }

                quiet = !Monitor.Wait(_gate, Pause);
            }
        }
    }

    /// <summary>Wakes the reader for something that is no picture.</summary>
    public void Notify()
    {
        lock (_gate)
        {
            _notified = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>No more frames: the reader takes what is left, then drains.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <returns>The times of the frames thrown away.</returns>
    public IReadOnlyList<MediaTime> Abort()
    {
        lock (_gate)
        {
            _aborted = true;
            MediaTime[] thrown = [.. _pictures.Select(picture => picture.Frame.Pts)];
            foreach (var picture in _pictures)
            {
                picture.Release();
            }

            _pictures.Clear();
            Monitor.PulseAll(_gate);
            return thrown;
        }
    }
}
