using Transcoder.Media.Buffers;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Packets;

[Flags]
public enum PacketFlags : byte
{
    None = 0,

    /// <summary>A decoder can start here: an IDR, or what the codec calls its like. Audio packets never need it.</summary>
    Keyframe = 1,

    /// <summary>No other picture refers to this one; it may be dropped alone.</summary>
    Disposable = 2,

    /// <summary>The timeline does not continue from the packet before (a publisher came back, a gap was repaired).</summary>
    Discontinuity = 4,

    /// <summary>Without payload: the track has ended for now (a SequenceEnd, or the empty audio message that means silence). The stream goes on.</summary>
    EndOfSequence = 8,

    /// <summary>Script data that late joiners need too: onMetaData. With an empty payload it takes the last one back.</summary>
    Metadata = 16,
}

/// <summary>
/// One coded access unit, audio frame or data message of a <see cref="Track"/>: immutable, shared by reference count, sliced from a pooled block.
/// H.264 and HEVC payloads are length-prefixed NAL units (ISO/IEC 14496-15), AV1 is a temporal unit of OBUs, AAC is one raw frame without
/// ADTS, data is an AMF0 name and value. The track's configuration record is never in the payload: it is on <see cref="Track"/>, and a packet
/// whose track differs from the one before it announces a change.
/// </summary>
public sealed class Packet : RefCounted
{
    private readonly MediaBufferPool _pool;
    private MediaBuffer? _buffer;
    private Track? _track;
    private RefCounted? _image;

    internal Packet(MediaBufferPool pool) => _pool = pool;

    /// <summary>Where the shell and mostly the payload come from.</summary>
    public MediaBufferPool Pool => _pool;

    public Track Track => _track ?? throw new ObjectDisposedException(nameof(Packet));

    /// <summary>Decoding time: never decreases within a track after ingest.</summary>
    public MediaTime Dts { get; private set; }

    /// <summary>Presentation time: the source frame's own.</summary>
    public MediaTime Pts { get; private set; }

    public PacketFlags Flags { get; private set; }

    public ReadOnlyMemory<byte> Payload { get; private set; }

    public bool IsKeyframe => (Flags & PacketFlags.Keyframe) != 0;

    /// <summary>A packet with one reference, owned by the caller. Takes over the caller's reference on <paramref name="buffer"/>.</summary>
    /// <param name="payload">A slice of <paramref name="buffer"/>.</param>
    public static Packet Create(MediaBufferPool pool, Track track, MediaTime dts, MediaTime pts, PacketFlags flags, MediaBuffer buffer, ReadOnlyMemory<byte> payload)
    {
        var packet = pool.RentPacket();
        packet._track = track;
        packet.Dts = dts;
        packet.Pts = pts;
        packet.Flags = flags;
        packet._buffer = buffer;
        packet.Payload = payload;
        return packet;
    }

    /// <summary>A packet over a copy of <paramref name="payload"/>.</summary>
    public static Packet Copy(MediaBufferPool pool, Track track, MediaTime dts, MediaTime pts, PacketFlags flags, ReadOnlySpan<byte> payload)
    {
        var buffer = pool.Rent(payload.Length);
        payload.CopyTo(buffer.Span);
        return Create(pool, track, dts, pts, flags, buffer, buffer.Memory[..payload.Length]);
    }

    /// <summary>The same payload at other times: shares the block, costs a shell. The caller keeps its reference on this packet.</summary>
    public Packet Retimed(MediaTime dts, MediaTime pts, PacketFlags flags) => Create(_pool, Track, dts, pts, flags, ShareBuffer(), Payload);

    /// <summary>The block that the payload lies in, with a reference for the caller: what is sent of it outlives the packet.</summary>
    public MediaBuffer ShareBuffer()
    {
        var buffer = _buffer ?? throw new ObjectDisposedException(nameof(Packet));
        buffer.AddReference();
        return buffer;
    }

    /// <summary>
    /// The serialised form that every subscriber of one protocol can send as it is (for RTMP: the chunked message). Kept with the packet so that
    /// it is made once; released with it. Null until <see cref="SetImage"/>.
    /// </summary>
    public RefCounted? Image => Volatile.Read(ref _image);

    /// <summary>Keeps <paramref name="image"/>, taking over its reference, unless another thread was first: then it is released and the first returned.</summary>
    public RefCounted SetImage(RefCounted image)
    {
        var first = Interlocked.CompareExchange(ref _image, image, null);
        if (first is null)
        {
            return image;
        }

        image.Release();
        return first;
    }

    protected override void OnReleased()
    {
        var buffer = _buffer;
        var image = _image;
        _buffer = null;
        _image = null;
        _track = null;
        Payload = default;
        buffer?.Release();
        image?.Release();
        _pool.TakeBack(this);
    }

    internal void BeginLife() => Revive();
}
