using System.Collections.Concurrent;
using Transcoder.Codecs.Native;

namespace Transcoder.Codecs.Libav;

/// <summary>Empty frame shells. Frames are released on other threads than the one that rents; the pixels return to FFmpeg's own pools at once.</summary>
internal sealed class LibavFramePool : IDisposable
{
    // More shells than a decoder's reorder queue, the frame queues and the encoders hold together are not worth keeping.
    private const int Idle = 64;

    private readonly ConcurrentQueue<LibavFrame> _shells = new();
    private int _idle;
    private int _out;
    private volatile bool _disposed;

    /// <summary>Shells that somebody has.</summary>
    public int Out => Volatile.Read(ref _out);

    public LibavFrame Rent()
    {
        Interlocked.Increment(ref _out);
        if (_shells.TryDequeue(out var shell))
        {
            Interlocked.Decrement(ref _idle);
            shell.BeginLife();
            return shell;
        }

        return new LibavFrame(this);
    }

    public void TakeBack(LibavFrame shell)
    {
        Interlocked.Decrement(ref _out);
        Shim.FrameUnref(shell.Handle);
        if (_disposed || Interlocked.Increment(ref _idle) > Idle)
        {
            shell.Handle.Dispose();
            return;
        }

        _shells.Enqueue(shell);
        if (_disposed)
        {
            Clear();
        }
    }

    /// <summary>Frames still out free themselves when their last owner releases them.</summary>
    public void Dispose()
    {
        _disposed = true;
        Clear();
    }

    private void Clear()
    {
        while (_shells.TryDequeue(out var shell))
        {
            shell.Handle.Dispose();
        }
    }
}
