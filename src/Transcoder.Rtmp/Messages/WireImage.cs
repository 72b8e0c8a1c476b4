using System.Collections.Concurrent;
using Transcoder.Media.Buffers;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// A message as it lies on the wire, for message stream 1 and one chunk size: made once per packet, kept with it, and sent by every subscriber.
/// </summary>
internal sealed class WireImage : RefCounted
{
    // Idle shells kept. Arbitrary: a GOP of a hundred streams.
    private const int IdleShells = 8192;
    private static readonly ConcurrentQueue<WireImage> Idle = new();
    private static int _idleCount;

    private MediaBuffer? _buffer;
    private int _length;

    private WireImage()
    {
    }

    /// <summary>The outgoing chunk size that the bytes were cut for.</summary>
    public int ChunkSize { get; private set; }

    public ReadOnlySpan<byte> Bytes => Memory.Span;

    /// <summary>On one pinned array, which a gather write takes as it is.</summary>
    public ReadOnlyMemory<byte> Memory => (_buffer ?? throw new ObjectDisposedException(nameof(WireImage))).Memory[.._length];

    /// <summary>An image with one reference, owned by the caller. Takes over the caller's reference on <paramref name="buffer"/>.</summary>
    public static WireImage Create(MediaBuffer buffer, int length, int chunkSize)
    {
        if (Idle.TryDequeue(out var image))
        {
            Interlocked.Decrement(ref _idleCount);
            image.Revive();
        }
        else
        {
            image = new WireImage();
        }

        image._buffer = buffer;
        image._length = length;
        image.ChunkSize = chunkSize;
        return image;
    }

    protected override void OnReleased()
    {
        var buffer = _buffer;
        _buffer = null;
        if (Interlocked.Increment(ref _idleCount) <= IdleShells)
        {
            Idle.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
        }

        buffer?.Release();
    }
}
