namespace Transcoder.Media.Buffers;

/// <summary>A pooled block of bytes on a pinned array, so a socket or native code can use it without a copy or a handle.</summary>
public sealed class MediaBuffer : RefCounted
{
    private readonly MediaBufferPool _pool;

    internal MediaBuffer(MediaBufferPool pool, Memory<byte> memory, PageStore.Region? region = null)
    {
        _pool = pool;
        Memory = memory;
        Region = region;
    }

    /// <summary>The whole block; at least as long as was asked for, with arbitrary content.</summary>
    public Memory<byte> Memory { get; private set; }

    public Span<byte> Span => Memory.Span;

    public int Capacity => Memory.Length;

    /// <summary>Where its bytes go back to; null where they stay with it.</summary>
    internal PageStore.Region? Region { get; private set; }

    protected override void OnReleased() => _pool.TakeBack(this);

    internal void BeginLife() => Revive();

    /// <summary>A shell's next life, with other bytes.</summary>
    internal void BeginLife(Memory<byte> memory, PageStore.Region region)
    {
        Memory = memory;
        Region = region;
        Revive();
    }
}
