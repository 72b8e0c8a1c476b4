using System.Buffers.Binary;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Media.Workers;

/// <summary>Messages on the local socket between the daemon and one worker. Numbers are the wire's: append, never renumber.</summary>
public enum WorkerMessageType : byte
{
    /// <summary>Worker: version and secret, first message. JSON <see cref="WorkerHello"/>.</summary>
    Hello = 1,

    /// <summary>Daemon: JSON <see cref="Jobs.TranscodeJob"/>; once in a worker's life.</summary>
    Job = 2,

    /// <summary>Either way: JSON <see cref="Tracks.Track"/>; packets of this stream number and kind follow it. Number 0 from the daemon is the source.</summary>
    Track = 3,

    /// <summary>Either way: a coded packet of the track last announced for its number and kind.</summary>
    Packet = 4,

    /// <summary>Daemon: the source has ended; drain every encoder, then send <see cref="Ended"/>.</summary>
    EndOfStream = 5,

    /// <summary>Worker: JSON <see cref="WorkerReport"/>, each second and before <see cref="Ended"/>.</summary>
    Report = 6,

    /// <summary>Worker: this rendition runs; JSON <see cref="RenditionStarted"/>.</summary>
    RenditionStarted = 7,

    /// <summary>Worker: this rendition ended or was left out; JSON <see cref="Reason"/>.</summary>
    RenditionEnded = 8,

    /// <summary>Worker: everything was sent; JSON <see cref="Reason"/>. It exits next.</summary>
    Ended = 9,

    /// <summary>Worker: a line for the daemon's log; JSON <see cref="WorkerLogLine"/>.</summary>
    Log = 10,

    /// <summary>Worker: JSON <see cref="LeaseRequest"/>.</summary>
    LeaseRequest = 11,

    /// <summary>Daemon: JSON <see cref="LeaseGrant"/>, an answer or an order to move.</summary>
    LeaseGrant = 12,

    /// <summary>Worker: JSON <see cref="LeaseClosed"/>.</summary>
    LeaseClosed = 13,

    /// <summary>Worker: JSON <see cref="LeaseStrained"/>.</summary>
    LeaseStrained = 14,

    /// <summary>Worker: JSON <see cref="DecoderStarted"/>, where the daemon expects another place.</summary>
    DecoderStarted = 15,

    /// <summary>Worker: JSON <see cref="DecoderFailed"/>.</summary>
    DecoderFailed = 16,

    /// <summary>Daemon: JSON <see cref="DecodeMove"/>.</summary>
    DecodeMove = 17,
}

/// <summary>
/// The 28-byte head of each message, big-endian: u32 payload length, u8 type, u8 track kind, u8 packet flags, u8 link flags, u16 stream number,
/// u16 lag in ms, i64 DTS ns, i64 PTS ns.
/// </summary>
/// <param name="LagMilliseconds">From the daemon: how far this packet is behind the source's newest one (at most 65535), so that the worker
/// knows whether it replays, falls behind or is live.</param>
public readonly record struct WorkerMessageHeader(
    int PayloadLength,
    WorkerMessageType Type,
    Tracks.TrackKind Kind = default,
    PacketFlags Flags = default,
    WorkerPacketFlags LinkFlags = default,
    int Number = 0,
    MediaTime Dts = default,
    MediaTime Pts = default,
    int LagMilliseconds = 0)
{
    public const int Size = 28;

    /// <summary>The largest payload either side accepts: RTMP's largest message fits.</summary>
    public const int MaxPayload = 1 << 24;

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteInt32BigEndian(target, PayloadLength);
        target[4] = (byte)Type;
        target[5] = (byte)Kind;
        target[6] = (byte)Flags;
        target[7] = (byte)LinkFlags;
        BinaryPrimitives.WriteUInt16BigEndian(target[8..], (ushort)Number);
        BinaryPrimitives.WriteUInt16BigEndian(target[10..], (ushort)Math.Clamp(LagMilliseconds, 0, ushort.MaxValue));
        BinaryPrimitives.WriteInt64BigEndian(target[12..], Dts.Nanoseconds);
        BinaryPrimitives.WriteInt64BigEndian(target[20..], Pts.Nanoseconds);
    }

    /// <exception cref="InvalidDataException">The length is out of bounds: the link is out of step.</exception>
    public static WorkerMessageHeader Read(ReadOnlySpan<byte> source)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(source);
        if (length is < 0 or > MaxPayload)
        {
            throw new InvalidDataException($"worker link: payload length {length} is out of bounds");
        }

        return new WorkerMessageHeader(
            length,
            (WorkerMessageType)source[4],
            (Tracks.TrackKind)source[5],
            (PacketFlags)source[6],
            (WorkerPacketFlags)source[7],
            BinaryPrimitives.ReadUInt16BigEndian(source[8..]),
            new MediaTime(BinaryPrimitives.ReadInt64BigEndian(source[12..])),
            new MediaTime(BinaryPrimitives.ReadInt64BigEndian(source[20..])),
            BinaryPrimitives.ReadUInt16BigEndian(source[10..]));
    }
}

[Flags]
public enum WorkerPacketFlags : byte
{
    None = 0,

    /// <summary>
    /// Every frame presented up to the latest one sent has been sent: a new worker can go on from here. Without B-frames every packet has it; with
    /// them the daemon holds packets back until it comes, so that a crash never leaves half a mini-GOP with the viewers.
    /// </summary>
    Boundary = 1,
}
