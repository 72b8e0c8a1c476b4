using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Containers.Flv;

/// <summary>
/// The body of a video message or FLV video tag: FLV 10.1 §E.4.3 and E-RTMP v2 "ExVideoTagHeader". Offsets point into the body that was parsed.
/// One message may hold several tracks: <see cref="TryReadNextTrack"/> goes on to the next one, <see cref="Tracks"/> walks them all.
/// </summary>
public readonly struct FlvVideoTag
{
    /// <summary>What <see cref="WriteHeader"/> writes at most: an enhanced header and a composition time.</summary>
    public const int MaxHeaderSize = EnhancedHeader.MaxSize + 3;

    private const int SequenceStart = 0;
    private const int CodedFrames = 1;
    private const int SequenceEnd = 2;
    private const int CodedFramesX = 3;
    private const int Metadata = 4;
    private const int Mpeg2TsSequenceStart = 5;
    private const int Multitrack = 6;
    private const int LegacyHeaderSize = 5;

    private readonly EnhancedHeader _header;

    private FlvVideoTag(FlvFrameType frameType, uint codecNumber, FlvPacketKind kind, int offset, int length, int compositionTime = 0, EnhancedHeader header = default)
    {
        FrameType = frameType;
        CodecNumber = codecNumber;
        CodecId = FlvCodecs.Video(codecNumber);
        PacketKind = kind;
        PayloadOffset = offset;
        PayloadLength = length;
        CompositionTime = compositionTime;
        _header = header;
    }

    public FlvFrameType FrameType { get; }

    /// <summary><see cref="CodecId.None"/> where the house cannot name it; then <see cref="CodecNumber"/> says what was sent.</summary>
    public CodecId CodecId { get; }

    /// <summary>Legacy codec number or FourCC; 0 for commands.</summary>
    public uint CodecNumber { get; }

    public FlvPacketKind PacketKind { get; }

    /// <summary>Presentation minus decoding time, in milliseconds; negative is legal.</summary>
    public int CompositionTime { get; }

    /// <summary>0 to 999 999, to be added to the presentation time alone (E-RTMP v2, ModEx TimestampOffsetNano).</summary>
    public int NanosecondOffset => _header.NanosecondOffset;

    public byte TrackId => _header.TrackId;

    public int PayloadOffset { get; }

    public int PayloadLength { get; }

    /// <summary>As the sender marked it. For H.264 that may be a recovery point: <see cref="Bitstreams.NalUnits.IsKeyframe"/> looks inside.</summary>
    public bool IsKeyframe => PacketKind == FlvPacketKind.CodedFrames && FrameType is FlvFrameType.Key or FlvFrameType.GeneratedKey;

    public bool IsDisposable => FrameType == FlvFrameType.DisposableInter;

    /// <param name="tag">The first or only track of the message.</param>
    /// <returns>False where the body is cut off or contradicts itself.</returns>
    public static bool TryParse(ReadOnlySpan<byte> body, out FlvVideoTag tag)
    {
        tag = default;
        if (body.IsEmpty)
        {
            tag = new FlvVideoTag(FlvFrameType.Reserved, 0, FlvPacketKind.Empty, 0, 0);
            return true;
        }

        if ((body[0] & 0x80) == 0)
        {
            return TryParseLegacy(body, out tag);
        }

        var frameType = (FlvFrameType)((body[0] >> 4) & 0x07);
        if (!EnhancedHeader.TryReadPacketType(body, out var header))
        {
            return false;
        }

        if (frameType == FlvFrameType.Command && header.PacketType != Metadata)
        {
            if (header.BodyLength < 1)
            {
                return false;
            }

            tag = new FlvVideoTag(frameType, 0, FlvPacketKind.Command, header.BodyOffset, 1);
            return true;
        }

        return header.TryReadFirstTrack(body, Multitrack) && TryFinish(body, frameType, header, out tag);
    }

    /// <summary>The next track of a multitrack message.</summary>
    /// <returns>False at the end of the message, and where the rest is cut off.</returns>
    public bool TryReadNextTrack(ReadOnlySpan<byte> body, out FlvVideoTag next)
    {
        // Copied before next is written: a caller may walk with one variable, and then next is this.
        var header = _header;
        var frameType = FrameType;
        next = default;
        return header.TryReadNextTrack(body) && TryFinish(body, frameType, header, out next);
    }

    /// <summary>All tracks of one message, none where it is damaged from the start: <c>foreach (var tag in FlvVideoTag.Tracks(body))</c>.</summary>
    public static TrackEnumerator Tracks(ReadOnlySpan<byte> body) => new(body);

    public ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> body) => body.Slice(PayloadOffset, PayloadLength);

    public static bool CanCarry(CodecId codec) => codec is CodecId.H264 or CodecId.Hevc or CodecId.Av1 or CodecId.Vp9 or CodecId.Vp8;

    /// <summary>Writes what goes before the payload of <paramref name="packet"/>.</summary>
    /// <param name="target">At least <see cref="MaxHeaderSize"/> bytes.</param>
    /// <returns>The bytes written.</returns>
    public static int WriteHeader(Span<byte> target, Packet packet, FlvForms forms = FlvForms.Compatible)
    {
        var track = packet.Track;
        if ((packet.Flags & PacketFlags.EndOfSequence) != 0)
        {
            return WriteSequenceEnd(track, target, forms);
        }

        var frameType = packet.IsKeyframe ? FlvFrameType.Key
            : (packet.Flags & PacketFlags.Disposable) != 0 ? FlvFrameType.DisposableInter
            : FlvFrameType.Inter;
        if (IsLegacy(track, forms))
        {
            return WriteLegacy(target, frameType, CodedFrames, FlvBytes.CompositionTime(packet));
        }

        var precise = (forms & FlvForms.Precise) != 0;
        var compositionTime = precise ? FlvBytes.PreciseCompositionTime(packet) : FlvBytes.CompositionTime(packet);
        var hasField = FlvCodecs.HasCompositionTime(track.Codec, 0) && compositionTime != 0;
        var packetType = FlvCodecs.HasCompositionTime(track.Codec, 0) && !hasField ? CodedFramesX : CodedFrames;
        var length = WriteEnhanced(target, frameType, packetType, track, forms, precise ? FlvBytes.NanosecondsOf(packet.Pts) : 0);
        if (hasField)
        {
            FlvBytes.WriteInt24(target[length..], compositionTime);
            length += 3;
        }

        return length;
    }

    /// <summary>The message's time in the precise form: whole milliseconds, not rounded up, because nanoseconds are only ever added.</summary>
    public static uint PreciseTimestamp(Packet packet) => unchecked((uint)FlvBytes.WholeMilliseconds(packet.Dts));

    /// <summary>The size of the message that announces <paramref name="track"/>; 0 where its codec has no configuration record.</summary>
    public static int SequenceHeaderSize(Track track) => track.Config.IsEmpty ? 0 : MaxHeaderSize + track.Config.Length;

    /// <param name="target">At least <see cref="SequenceHeaderSize"/> bytes.</param>
    /// <returns>The bytes written; 0 where there is nothing to announce.</returns>
    public static int WriteSequenceHeader(Track track, Span<byte> target, FlvForms forms = FlvForms.Compatible)
    {
        if (track.Config.IsEmpty)
        {
            return 0;
        }

        var length = IsLegacy(track, forms)
            ? WriteLegacy(target, FlvFrameType.Key, SequenceStart, 0)
            : WriteEnhanced(target, FlvFrameType.Key, SequenceStart, track, forms);
        track.Config.Span.CopyTo(target[length..]);
        return length + track.Config.Length;
    }

    /// <param name="target">At least <see cref="MaxHeaderSize"/> bytes.</param>
    public static int WriteSequenceEnd(Track track, Span<byte> target, FlvForms forms = FlvForms.Compatible) =>
        IsLegacy(track, forms)
            ? WriteLegacy(target, FlvFrameType.Key, SequenceEnd, 0)
            : WriteEnhanced(target, FlvFrameType.Key, SequenceEnd, track, forms);

    /// <summary>The head of the Metadata packet (colorInfo), always with FourCC. Its frame type is to be ignored; FFmpeg and the specification's authors write 5.</summary>
    /// <param name="target">At least <see cref="MaxHeaderSize"/> bytes.</param>
    public static int WriteMetadataHeader(Track track, Span<byte> target, FlvForms forms = FlvForms.Compatible) =>
        WriteEnhanced(target, FlvFrameType.Command, Metadata, track, forms);

    private static bool TryParseLegacy(ReadOnlySpan<byte> body, out FlvVideoTag tag)
    {
        tag = default;
        var frameType = (FlvFrameType)(body[0] >> 4);
        var codec = (uint)(body[0] & 0x0F);
        if (frameType == FlvFrameType.Command)
        {
            tag = new FlvVideoTag(frameType, codec, FlvPacketKind.Command, 1, Math.Min(1, body.Length - 1));
            return true;
        }

        if (FlvCodecs.Video(codec) == CodecId.None)
        {
            tag = new FlvVideoTag(frameType, codec, FlvPacketKind.CodedFrames, 1, body.Length - 1);
            return true;
        }

        if (body.Length < LegacyHeaderSize)
        {
            // The end of a sequence is sent without a composition time by some encoders.
            var isEnd = body.Length > 1 && body[1] == SequenceEnd;
            tag = isEnd ? new FlvVideoTag(frameType, codec, FlvPacketKind.SequenceEnd, body.Length, 0) : default;
            return isEnd;
        }

        var kind = body[1] switch
        {
            SequenceStart => FlvPacketKind.SequenceStart,
            CodedFrames => FlvPacketKind.CodedFrames,
            SequenceEnd => FlvPacketKind.SequenceEnd,
            _ => FlvPacketKind.Unknown,
        };
        var compositionTime = kind == FlvPacketKind.CodedFrames ? FlvBytes.ReadInt24(body[2..]) : 0;
        tag = new FlvVideoTag(frameType, codec, kind, LegacyHeaderSize, body.Length - LegacyHeaderSize, compositionTime);
        return true;
    }

    private static bool TryFinish(ReadOnlySpan<byte> body, FlvFrameType frameType, in EnhancedHeader header, out FlvVideoTag tag)
    {
        var offset = header.BodyOffset;
        var length = header.BodyLength;
        var kind = header.PacketType switch
        {
            SequenceStart => FlvPacketKind.SequenceStart,
            CodedFrames or CodedFramesX => FlvPacketKind.CodedFrames,
            SequenceEnd => FlvPacketKind.SequenceEnd,
            Metadata => FlvPacketKind.Metadata,
            Mpeg2TsSequenceStart => FlvPacketKind.Mpeg2TsSequenceStart,
            _ => FlvPacketKind.Unknown,
        };
        var compositionTime = 0;
        if (header.PacketType == CodedFrames && FlvCodecs.HasCompositionTime(FlvCodecs.Video(header.FourCc), header.FourCc))
        {
            if (length < 3)
            {
                tag = default;
                return false;
            }

            compositionTime = FlvBytes.ReadInt24(body[offset..]);
            offset += 3;
            length -= 3;
        }

        tag = new FlvVideoTag(frameType, header.FourCc, kind, offset, length, compositionTime, header);
        return true;
    }

    private static int WriteLegacy(Span<byte> target, FlvFrameType frameType, int packetType, int compositionTime)
    {
        target[0] = (byte)((int)frameType << 4 | FlvCodecs.LegacyAvc);
        target[1] = (byte)packetType;
        FlvBytes.WriteInt24(target[2..], compositionTime);
        return LegacyHeaderSize;
    }

    private static bool IsLegacy(Track track, FlvForms forms) =>
        track.Codec == CodecId.H264 && (track.Id == 0 || (forms & FlvForms.AsDefaultTrack) != 0) && (forms & FlvForms.Precise) == 0;

    private static int WriteEnhanced(Span<byte> target, FlvFrameType frameType, int packetType, Track track, FlvForms forms, int nanoseconds = 0)
    {
        if (!CanCarry(track.Codec))
        {
            throw new ArgumentException($"FLV cannot carry {track.Codec.Name()} video", nameof(track));
        }

        var trackId = (forms & FlvForms.AsDefaultTrack) != 0 ? (byte)0 : track.Id;
        return EnhancedHeader.Write(target, 0x80 | (int)frameType << 4, packetType, Multitrack, FlvCodecs.FourCc(track.Codec), trackId, nanoseconds);
    }

    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "The enumerator of this type, as the foreach pattern wants it.")]
    public ref struct TrackEnumerator
    {
        private readonly ReadOnlySpan<byte> _body;
        private FlvVideoTag _current;
        private bool _started;

        internal TrackEnumerator(ReadOnlySpan<byte> body) => _body = body;

        public readonly FlvVideoTag Current => _current;

        public readonly TrackEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_started)
            {
                return _current.TryReadNextTrack(_body, out _current);
            }

            _started = true;
            return TryParse(_body, out _current);
        }
    }
}
