using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Containers.Flv;

/// <summary>
/// The body of an audio message or FLV audio tag: FLV 10.1 §E.4.2 and E-RTMP v2 "ExAudioTagHeader". Offsets point into the body that was parsed.
/// One message may hold several tracks: <see cref="TryReadNextTrack"/> goes on to the next one, <see cref="Tracks"/> walks them all.
/// </summary>
public readonly struct FlvAudioTag
{
    /// <summary>What <see cref="WriteHeader"/> writes at most.</summary>
    public const int MaxHeaderSize = EnhancedHeader.MaxSize;

    private const int ExHeader = 9;
    private const int SequenceStart = 0;
    private const int CodedFrames = 1;
    private const int SequenceEnd = 2;
    private const int MultichannelConfig = 4;
    private const int Multitrack = 5;

    // 44 kHz, 16 bit, stereo whatever the truth is: FLV 10.1 §E.4.2.1 for AAC.
    private const byte AacFirstByte = 0xAF;

    private readonly EnhancedHeader _header;

    private FlvAudioTag(uint codecNumber, FlvPacketKind kind, int offset, int length, EnhancedHeader header = default)
    {
        CodecNumber = codecNumber;
        CodecId = FlvCodecs.Audio(codecNumber);
        PacketKind = kind;
        PayloadOffset = offset;
        PayloadLength = length;
        _header = header;
    }

    /// <summary><see cref="CodecId.None"/> where the house cannot name it; then <see cref="CodecNumber"/> says what was sent.</summary>
    public CodecId CodecId { get; }

    /// <summary>Legacy sound format or FourCC.</summary>
    public uint CodecNumber { get; }

    public FlvPacketKind PacketKind { get; }

    /// <summary>0 to 999 999, to be added to the presentation time (E-RTMP v2, ModEx TimestampOffsetNano).</summary>
    public int NanosecondOffset => _header.NanosecondOffset;

    public byte TrackId => _header.TrackId;

    public int PayloadOffset { get; }

    public int PayloadLength { get; }

    /// <param name="tag">The first or only track of the message.</param>
    /// <returns>False where the body is cut off or contradicts itself.</returns>
    public static bool TryParse(ReadOnlySpan<byte> body, out FlvAudioTag tag)
    {
        tag = default;
        if (body.IsEmpty)
        {
            tag = new FlvAudioTag(0, FlvPacketKind.Empty, 0, 0);
            return true;
        }

        if (body[0] >> 4 != ExHeader)
        {
            return TryParseLegacy(body, out tag);
        }

        if (!EnhancedHeader.TryReadPacketType(body, out var header) || !header.TryReadFirstTrack(body, Multitrack))
        {
            return false;
        }

        tag = Finish(header);
        return true;
    }

    /// <summary>The next track of a multitrack message.</summary>
    /// <returns>False at the end of the message, and where the rest is cut off.</returns>
    public bool TryReadNextTrack(ReadOnlySpan<byte> body, out FlvAudioTag next)
    {
        // Copied before next is written: a caller may walk with one variable, and then next is this.
        var header = _header;
        var found = header.TryReadNextTrack(body);
        next = found ? Finish(header) : default;
        return found;
    }

    /// <summary>All tracks of one message, none where it is damaged from the start: <c>foreach (var tag in FlvAudioTag.Tracks(body))</c>.</summary>
    public static TrackEnumerator Tracks(ReadOnlySpan<byte> body) => new(body);

    public ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> body) => body.Slice(PayloadOffset, PayloadLength);

    public static bool CanCarry(CodecId codec) =>
        codec is CodecId.Aac or CodecId.Mp3 or CodecId.Opus or CodecId.Flac or CodecId.Ac3 or CodecId.Eac3;

    /// <summary>Writes what goes before the payload of <paramref name="packet"/>.</summary>
    /// <param name="target">At least <see cref="MaxHeaderSize"/> bytes.</param>
    /// <returns>The bytes written; none for the end of a sequence in the legacy form, where an empty message means just that.</returns>
    public static int WriteHeader(Span<byte> target, Packet packet, FlvForms forms = FlvForms.Compatible)
    {
        if ((packet.Flags & PacketFlags.EndOfSequence) != 0)
        {
            return IsLegacy(packet.Track, forms) ? 0 : Write(target, packet.Track, SequenceEnd, forms);
        }

        return Write(target, packet.Track, CodedFrames, forms, (forms & FlvForms.Precise) != 0 ? FlvBytes.NanosecondsOf(packet.Pts) : 0);
    }

    /// <summary>The size of the message that announces <paramref name="track"/>; 0 where its codec has no configuration record.</summary>
    public static int SequenceHeaderSize(Track track) => track.Config.IsEmpty ? 0 : MaxHeaderSize + track.Config.Length;

    /// <param name="target">At least <see cref="SequenceHeaderSize"/> bytes.</param>
    /// <returns>The bytes written; 0 where there is nothing to announce.</returns>
    public static int WriteSequenceHeader(Track track, Span<byte> target, FlvForms forms = FlvForms.Compatible)
    {
        // MP3 in the legacy form has no packet type: a configuration record would be taken for a frame.
        if (track.Config.IsEmpty || (track.Codec == CodecId.Mp3 && IsLegacy(track, forms)))
        {
            return 0;
        }

        var length = Write(target, track, SequenceStart, forms);
        track.Config.Span.CopyTo(target[length..]);
        return length + track.Config.Length;
    }

    /// <summary>The head of MultichannelConfig, always with FourCC.</summary>
    /// <param name="target">At least <see cref="MaxHeaderSize"/> bytes.</param>
    public static int WriteMultichannelHeader(Track track, Span<byte> target, FlvForms forms = FlvForms.Compatible) =>
        Write(target, track, MultichannelConfig, forms | FlvForms.Precise);

    private static bool TryParseLegacy(ReadOnlySpan<byte> body, out FlvAudioTag tag)
    {
        tag = default;
        var format = (uint)(body[0] >> 4);
        if (format != FlvCodecs.LegacyAac)
        {
            tag = new FlvAudioTag(format, FlvPacketKind.CodedFrames, 1, body.Length - 1);
            return true;
        }

        if (body.Length < 2)
        {
            return false;
        }

        var kind = body[1] switch
        {
            SequenceStart => FlvPacketKind.SequenceStart,
            CodedFrames => FlvPacketKind.CodedFrames,
            _ => FlvPacketKind.Unknown,
        };
        tag = new FlvAudioTag(format, kind, 2, body.Length - 2);
        return true;
    }

    private static FlvAudioTag Finish(in EnhancedHeader header)
    {
        var kind = header.PacketType switch
        {
            SequenceStart => FlvPacketKind.SequenceStart,
            CodedFrames => FlvPacketKind.CodedFrames,
            SequenceEnd => FlvPacketKind.SequenceEnd,
            MultichannelConfig => FlvPacketKind.MultichannelConfig,
            _ => FlvPacketKind.Unknown,
        };
        return new FlvAudioTag(header.FourCc, kind, header.BodyOffset, header.BodyLength, header);
    }

    private static bool IsLegacy(Track track, FlvForms forms) =>
        track.Codec is CodecId.Aac or CodecId.Mp3 && (track.Id == 0 || (forms & FlvForms.AsDefaultTrack) != 0) && (forms & FlvForms.Precise) == 0;

    private static int Write(Span<byte> target, Track track, int packetType, FlvForms forms, int nanoseconds = 0)
    {
        if (!CanCarry(track.Codec))
        {
            throw new ArgumentException($"FLV cannot carry {track.Codec.Name()} audio", nameof(track));
        }

        if (!IsLegacy(track, forms))
        {
            var trackId = (forms & FlvForms.AsDefaultTrack) != 0 ? (byte)0 : track.Id;
            return EnhancedHeader.Write(target, ExHeader << 4, packetType, Multitrack, FlvCodecs.FourCc(track.Codec), trackId, nanoseconds);
        }

        if (track.Codec == CodecId.Mp3)
        {
            target[0] = Mp3FirstByte(track.Audio);
            return 1;
        }

        target[0] = AacFirstByte;
        target[1] = (byte)packetType;
        return 2;
    }

    private static byte Mp3FirstByte(AudioFormat format)
    {
        // 32 and 48 kHz have no code of their own and go out as 44 kHz, as FFmpeg does: a decoder reads the frame header.
        var (sound, rate) = format.SampleRate switch
        {
            8000 => (FlvCodecs.LegacyMp3At8KHz, 0),
            11025 => (FlvCodecs.LegacyMp3, 1),
            22050 => (FlvCodecs.LegacyMp3, 2),
            _ => (FlvCodecs.LegacyMp3, 3),
        };
        return (byte)(sound << 4 | rate << 2 | 2 | (format.Channels == 1 ? 0 : 1));
    }

    [SuppressMessage("Design", "CA1034:Nested types should not be visible", Justification = "The enumerator of this type, as the foreach pattern wants it.")]
    public ref struct TrackEnumerator
    {
        private readonly ReadOnlySpan<byte> _body;
        private FlvAudioTag _current;
        private bool _started;

        internal TrackEnumerator(ReadOnlySpan<byte> body) => _body = body;

        public readonly FlvAudioTag Current => _current;

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
