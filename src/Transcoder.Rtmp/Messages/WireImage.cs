using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// A message as it lies on the wire, for message stream 1, one chunk size and one class of receivers: made once per packet, kept with it, and sent by every
/// subscriber of that class. The packet holds the first; further ones hang on it.
/// </summary>
internal sealed class WireImage : RefCounted
{
    // Idle shells kept. Arbitrary: a GOP of a hundred streams.
    private const int IdleShells = 8192;
    private static readonly ConcurrentQueue<WireImage> Idle = new();
    private static int _idleCount;

    private MediaBuffer? _buffer;
    private WireImage? _next;
    private int _length;

    private WireImage()
    {
    }

    /// <summary>The outgoing chunk size that the bytes were cut for.</summary>
    public int ChunkSize { get; private set; }

    public FlvForms Forms { get; private set; }

    public ReadOnlySpan<byte> Bytes => Memory.Span;

    /// <summary>On one pinned array, which a gather write takes as it is.</summary>
    public ReadOnlyMemory<byte> Memory => (_buffer ?? throw new ObjectDisposedException(nameof(WireImage))).Memory[.._length];

    public ArraySegment<byte> Segment => MemoryMarshal.TryGetArray(Memory, out var segment) ? segment : throw new InvalidOperationException("an image on no array");

    /// <summary>An image with one reference, owned by the caller. Takes over the caller's reference on <paramref name="buffer"/>.</summary>
    public static WireImage Create(MediaBuffer buffer, int length, int chunkSize, FlvForms forms = FlvForms.Compatible)
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
        image.Forms = forms;
        return image;
    }

    /// <summary>The image that this class of receivers shares, without a reference of its own; null when nobody has made it.</summary>
    public WireImage? Find(int chunkSize, FlvForms forms)
    {
        var image = this;
        while (image is not null && (image.ChunkSize != chunkSize || image.Forms != forms))
        {
            image = Volatile.Read(ref image._next);
        }

        return image;
    }

    /// <summary>Hangs <paramref name="image"/> behind this one, taking over its reference, unless another thread was first: then it is released.</summary>
    /// <returns>The one that stayed, without a reference of its own.</returns>
    public WireImage Keep(WireImage image)
    {
        var last = this;
        while (Interlocked.CompareExchange(ref last._next, image, null) is { } next)
        {
            if (next.ChunkSize == image.ChunkSize && next.Forms == image.Forms)
            {
                image.Release();
                return next;
            }

            last = next;
        }

        return image;
    }

    protected override void OnReleased()
    {
        var buffer = _buffer;
        var next = _next;
        _buffer = null;
        _next = null;
        if (Interlocked.Increment(ref _idleCount) <= IdleShells)
        {
            Idle.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
        }

        buffer?.Release();
        next?.Release();
    }
}
