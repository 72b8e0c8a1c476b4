using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Messages as they lie on the wire, for message stream 1, one chunk size and one class of receivers: made once per packet or run, kept with it, and sent by every
/// subscriber of that class. The packet holds the first; further ones hang on it. A packet's own image copies nothing: its parts are chunk headers and what lies in
/// the packet's block. A run's is one block, because one part costs the kernel less than several.
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

    // Where the payload is not in the buffer, which then holds the first chunk's header up to it and behind that the header of all further chunks.
    private MediaBuffer? _shared;
    private ReadOnlyMemory<byte> _payload;
    private int _first;
    private int _continuation;

    private WireImage()
    {
    }

    /// <summary>The outgoing chunk size that the bytes were cut for.</summary>
    public int ChunkSize { get; private set; }

    public FlvForms Forms { get; private set; }

    /// <summary>Bytes on the wire.</summary>
    public int Length => _length + _payload.Length + (Continuations * _continuation);

    /// <summary>The parts in their order, each on a pinned array, which a gather write takes as it is.</summary>
    public Parts GetEnumerator() => new(this);

    /// <summary>The whole image where it is one part, as a run's is.</summary>
    public ArraySegment<byte> Segment =>
        _shared is null && MemoryMarshal.TryGetArray<byte>(Head, out var segment) ? segment : throw new NotSupportedException("an image of several parts");

    private ReadOnlyMemory<byte> Head => Block[.._length];

    private ReadOnlyMemory<byte> Block => (_buffer ?? throw new ObjectDisposedException(nameof(WireImage))).Memory;

    private int Continuations => _payload.Length > _first ? (_payload.Length - _first + ChunkSize - 1) / ChunkSize : 0;

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

    /// <summary>An image of the packet's payload where it lies. Takes over the caller's reference on <paramref name="buffer"/>.</summary>
    /// <param name="buffer">The header of the first chunk and the message's first bytes, then the header of all further chunks.</param>
    /// <param name="length">Of what comes before the payload.</param>
    /// <param name="first">Bytes of the payload that fit the first chunk.</param>
    /// <param name="continuation">Length of the further chunks' header.</param>
    public static WireImage Create(MediaBuffer buffer, int length, int first, int continuation, Packet packet, int chunkSize, FlvForms forms)
    {
        var image = Create(buffer, length, chunkSize, forms);
        image._shared = packet.ShareBuffer();
        image._payload = packet.Payload;
        image._first = first;
        image._continuation = continuation;
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
        var shared = _shared;
        _buffer = null;
        _next = null;
        _shared = null;
        _payload = default;
        _first = _continuation = 0;
        if (Interlocked.Increment(ref _idleCount) <= IdleShells)
        {
            Idle.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
        }

        buffer?.Release();
        shared?.Release();
        next?.Release();
    }

    /// <summary>Goes through the parts of an image.</summary>
    public struct Parts(WireImage image)
    {
        private int _sent = -1;
        private bool _continues;

        public ReadOnlyMemory<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_sent < 0)
            {
                _sent = 0;
                Current = image.Head;
                return true;
            }

            if (_sent == image._payload.Length)
            {
                return false;
            }

            _continues = _sent > 0 && !_continues;
            if (_continues)
            {
                Current = image.Block.Slice(image._length, image._continuation);
                return true;
            }

            var part = Math.Min(_sent == 0 ? image._first : image.ChunkSize, image._payload.Length - _sent);
            Current = image._payload.Slice(_sent, part);
            _sent += part;
            return true;
        }
    }
}
