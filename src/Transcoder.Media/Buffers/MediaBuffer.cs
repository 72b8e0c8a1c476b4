namespace Transcoder.Media.Buffers;

/// <summary>A pooled block of bytes. The array is pinned, so a socket or native code can use it without a copy or a handle.</summary>
public sealed class MediaBuffer : RefCounted
{
    private readonly MediaBufferPool _pool;

    internal MediaBuffer(MediaBufferPool pool, int capacity)
    {
        _pool = pool;
        Array = GC.AllocateUninitializedArray<byte>(capacity, pinned: true);
    }

    /// <summary>The whole block; at least as long as was asked for, with arbitrary content.</summary>
    public byte[] Array { get; }

    public int Capacity => Array.Length;

    public Memory<byte> Memory => Array;

    protected override void OnReleased() => _pool.TakeBack(this);

    internal void BeginLife() => Revive();
}
