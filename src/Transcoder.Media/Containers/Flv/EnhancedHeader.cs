using System.Buffers.Binary;

namespace Transcoder.Media.Containers.Flv;

/// <summary>
/// The part of an Enhanced RTMP message that audio and video share: ModEx blocks, multitrack header, FourCC, track id and size
/// (E-RTMP v2, "ExAudioTagHeader", "ExVideoTagHeader"). A plain value: it remembers where the next track begins, so walking the tracks of one
/// message needs no other state.
/// </summary>
internal struct EnhancedHeader
{
    private const int ModEx = 7;
    private const int TimestampOffsetNano = 0;
    private const int MaxNanosecondOffset = 999_999;

    private Multitrack _multitrack;

    /// <summary>Where the next track's header begins.</summary>
    private int _next;

    private enum Multitrack : byte
    {
        None = 0,

        // The numbers on the wire are one less.
        OneTrack = 1,
        ManyTracks = 2,
        ManyTracksManyCodecs = 3,
    }

    public int PacketType { get; private set; }

    public uint FourCc { get; private set; }

    public byte TrackId { get; private set; }

    public int NanosecondOffset { get; private set; }

    public int BodyOffset { get; private set; }

    public int BodyLength { get; private set; }

    /// <summary>What <see cref="Write"/> writes at most: first byte, ModEx, multitrack byte, FourCC, track id.</summary>
    public const int MaxSize = 1 + 5 + 1 + 4 + 1;

    /// <summary>Writes everything before a track's body. One track a message (OneTrack): the only multitrack form that FFmpeg reads.</summary>
    /// <param name="firstBits">The upper half of the first byte.</param>
    /// <returns>The bytes written.</returns>
    public static int Write(Span<byte> target, int firstBits, int packetType, int multitrackPacketType, uint fourCc, byte trackId, int nanosecondOffset)
    {
        var outerType = trackId == 0 ? packetType : multitrackPacketType;
        var position = 1;
        target[0] = (byte)(firstBits | (nanosecondOffset > 0 ? ModEx : outerType));
        if (nanosecondOffset > 0)
        {
            target[1] = 3 - 1;
            FlvBytes.WriteInt24(target[2..], nanosecondOffset);
            target[5] = (byte)(TimestampOffsetNano << 4 | outerType);
            position = 6;
        }

        if (trackId != 0)
        {
            target[position++] = (byte)packetType;
        }

        position += FlvBytes.WriteFourCc(target[position..], fourCc);
        if (trackId != 0)
        {
            target[position++] = trackId;
        }

        return position;
    }

    /// <summary>Reads the first byte's packet type and the ModEx blocks behind it; what follows depends on the packet type.</summary>
    /// <returns>False where the body ends too early.</returns>
    public static bool TryReadPacketType(ReadOnlySpan<byte> body, out EnhancedHeader header)
    {
        header = default;
        if (body.IsEmpty)
        {
            return false;
        }

        header.PacketType = body[0] & 0x0F;
        var position = 1;
        while (header.PacketType == ModEx)
        {
            if (!TryReadModEx(body, ref position, ref header))
            {
                return false;
            }
        }

        header._next = position;
        header.BodyOffset = position;
        header.BodyLength = body.Length - position;
        return true;
    }

    /// <summary>Reads FourCC or multitrack header, and the first track.</summary>
    public bool TryReadFirstTrack(ReadOnlySpan<byte> body, int multitrackPacketType)
    {
        if (PacketType == multitrackPacketType)
        {
            if (_next >= body.Length)
            {
                return false;
            }

            var value = body[_next++];
            _multitrack = (Multitrack)((value >> 4) + 1);
            PacketType = value & 0x0F;

            // A multitrack inside a multitrack is forbidden; a type of a later specification has a layout nobody knows.
            if (_multitrack > Multitrack.ManyTracksManyCodecs || PacketType == multitrackPacketType || PacketType == ModEx)
            {
                return false;
            }
        }

        if (_multitrack != Multitrack.ManyTracksManyCodecs && !TryReadFourCc(body))
        {
            return false;
        }

        return TryReadTrack(body);
    }

    /// <returns>False at the end of the message, and where the next track is cut off.</returns>
    public bool TryReadNextTrack(ReadOnlySpan<byte> body) =>
        _multitrack is Multitrack.ManyTracks or Multitrack.ManyTracksManyCodecs && _next < body.Length && TryReadTrack(body);

    private static bool TryReadModEx(ReadOnlySpan<byte> body, ref int position, ref EnhancedHeader header)
    {
        if (position >= body.Length)
        {
            return false;
        }

        var size = body[position++] + 1;
        if (size == 256)
        {
            if (body.Length - position < 2)
            {
                return false;
            }

            size = BinaryPrimitives.ReadUInt16BigEndian(body[position..]) + 1;
            position += 2;
        }

        if (body.Length - position < size + 1)
        {
            return false;
        }

        var data = body.Slice(position, size);
        position += size;
        var types = body[position++];
        header.PacketType = types & 0x0F;
        if (types >> 4 == TimestampOffsetNano && size >= 3)
        {
            var offset = FlvBytes.ReadUInt24(data);
            header.NanosecondOffset = offset <= MaxNanosecondOffset ? offset : 0;
        }

        return true;
    }

    private bool TryReadTrack(ReadOnlySpan<byte> body)
    {
        if (_multitrack == Multitrack.ManyTracksManyCodecs && !TryReadFourCc(body))
        {
            return false;
        }

        var length = -1;
        if (_multitrack != Multitrack.None)
        {
            if (_next >= body.Length)
            {
                return false;
            }

            TrackId = body[_next++];
            if (_multitrack != Multitrack.OneTrack)
            {
                if (body.Length - _next < 3)
                {
                    return false;
                }

                length = FlvBytes.ReadUInt24(body[_next..]);
                _next += 3;
            }
        }

        if (length < 0)
        {
            length = body.Length - _next;
        }
        else if (length > body.Length - _next)
        {
            return false;
        }

        BodyOffset = _next;
        BodyLength = length;
        _next += length;
        return true;
    }

    private bool TryReadFourCc(ReadOnlySpan<byte> body)
    {
        if (body.Length - _next < 4)
        {
            return false;
        }

        FourCc = BinaryPrimitives.ReadUInt32BigEndian(body[_next..]);
        _next += 4;
        return true;
    }
}
