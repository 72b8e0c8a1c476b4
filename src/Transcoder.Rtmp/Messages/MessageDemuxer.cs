using Transcoder.Media.Bitstreams;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Media messages of one message stream to packets that slice the message's own block. One track of each kind; times are extended to 64 bits by one
/// unwrapper for all kinds, so that a kind that begins after a wrap is not 49 days behind. Does no I/O. Not thread safe.
/// </summary>
internal sealed class MessageDemuxer(MediaBufferPool pool)
{
    private TimestampUnwrapper _time;
    private Track? _video;
    private Track? _audio;
    private double _announcedFrameRate;

    /// <summary>Messages that made no packet though they held media: no sequence header yet, a codec we cannot name, damage, another track than 0.</summary>
    public long DroppedMessages { get; private set; }

    public Track? Video => _video;

    public Track? Audio => _audio;

    /// <summary>Takes over the message's block.</summary>
    /// <param name="packet">Owned by the caller.</param>
    /// <returns>False for configuration and for what is dropped.</returns>
    public bool TryDemux(in RtmpMessage message, out Packet packet)
    {
        switch (message.Type)
        {
            case MessageType.Video:
                return TryVideo(message, out packet);
            case MessageType.Audio:
                return TryAudio(message, out packet);
            case MessageType.DataAmf0 or MessageType.DataAmf3:
                return TryData(message, out packet);
            default:
                return Drop(message, counted: false, out packet);
        }
    }

    private bool TryVideo(in RtmpMessage message, out Packet packet)
    {
        var body = message.Body;
        if (!FlvVideoTag.TryParse(body, out var tag) || tag.TrackId != 0)
        {
            return Drop(message, counted: true, out packet);
        }

        switch (tag.PacketKind)
        {
            case FlvPacketKind.SequenceStart:
                if (tag.CodecId == CodecId.None)
                {
                    return Drop(message, counted: true, out packet);
                }

                // The authors of the specification begin AV1 files with an empty header before the real one.
                if (tag.PayloadLength > 0)
                {
                    _video = VideoTrack(tag.CodecId, tag.Payload(body));
                }

                return Drop(message, counted: false, out packet);
            case FlvPacketKind.CodedFrames:
                if (_video is null || _video.Codec != tag.CodecId)
                {
                    if (tag.CodecId is CodecId.None or CodecId.H264 or CodecId.Hevc)
                    {
                        return Drop(message, counted: true, out packet);
                    }

                    // AV1, VP9 and VP8 pictures say all that a decoder needs.
                    _video = new Track(TrackKind.Video, tag.CodecId, default);
                }

                if (tag.PayloadLength == 0)
                {
                    return Drop(message, counted: false, out packet);
                }

                var payload = message.Buffer.Memory.Slice(tag.PayloadOffset, tag.PayloadLength);
                if (tag.IsKeyframe && tag.CodecId is (CodecId.Vp9 or CodecId.Vp8))
                {
                    _video = Sized(_video, payload.Span);
                }

                var flags = tag.IsKeyframe ? PacketFlags.Keyframe : tag.IsDisposable ? PacketFlags.Disposable : PacketFlags.None;
                packet = Make(message, _video, tag.CompositionTime, tag.NanosecondOffset, flags, payload);
                return true;
            default:
                return Drop(message, counted: tag.PacketKind is FlvPacketKind.Unknown, out packet);
        }
    }

    private bool TryAudio(in RtmpMessage message, out Packet packet)
    {
        var body = message.Body;
        if (!FlvAudioTag.TryParse(body, out var tag) || tag.TrackId != 0)
        {
            return Drop(message, counted: true, out packet);
        }

        switch (tag.PacketKind)
        {
            case FlvPacketKind.SequenceStart when tag.CodecId != CodecId.None:
                if (tag.PayloadLength > 0)
                {
                    _audio = AudioTrack(tag.CodecId, tag.Payload(body), default);
                }

                return Drop(message, counted: false, out packet);
            case FlvPacketKind.CodedFrames when tag.CodecId != CodecId.None && tag.PayloadLength > 0:
                if (_audio is null || _audio.Codec != tag.CodecId)
                {
                    // AAC frames mean nothing without their AudioSpecificConfig; the other codecs' frames are complete, or (Opus) have defaults.
                    if (tag.CodecId is CodecId.Aac or CodecId.Flac)
                    {
                        return Drop(message, counted: true, out packet);
                    }

                    _audio = AudioTrack(tag.CodecId, [], FrameFormat(body[0], tag));
                }

                packet = Make(message, _audio, 0, tag.NanosecondOffset, PacketFlags.None, message.Buffer.Memory.Slice(tag.PayloadOffset, tag.PayloadLength));
                return true;
            default:
                return Drop(message, counted: tag.PacketKind is FlvPacketKind.Unknown or FlvPacketKind.CodedFrames, out packet);
        }
    }

    private bool TryData(in RtmpMessage message, out Packet packet)
    {
        var body = message.Body;

        // Type 15 begins with a format byte, 0 when AMF0 values follow.
        var start = message.Type == MessageType.DataAmf3 && body.Length > 0 && body[0] == 0 ? 1 : 0;
        var reader = new Amf0Reader(body[start..]);
        if (!reader.TryReadString(out var name) || name is "@clearDataFrame" or "|RtmpSampleAccess")
        {
            return Drop(message, counted: false, out packet);
        }

        if (name == "@setDataFrame")
        {
            // For the server's ears; players get the name and value behind it.
            start += reader.Position;
            reader = new Amf0Reader(body[start..]);
            if (!reader.TryReadString(out name))
            {
                return Drop(message, counted: false, out packet);
            }
        }

        if (name == "onMetaData" && reader.TryRead(out var value) && value.AsObject?["framerate"].AsNumber is > 0 and < 1000 and { } rate)
        {
            _announcedFrameRate = rate;
        }

        packet = Make(message, Track.Amf0Data, 0, 0, PacketFlags.None, message.Buffer.Memory[start..message.Length]);
        return true;
    }

    private Packet Make(in RtmpMessage message, Track track, int compositionTime, int nanoseconds, PacketFlags flags, ReadOnlyMemory<byte> payload)
    {
        var milliseconds = _time.Unwrap(message.Timestamp);
        var dts = MediaTime.FromMilliseconds(milliseconds);
        var pts = MediaTime.FromMilliseconds(milliseconds + compositionTime) + new MediaTime(nanoseconds);
        return Packet.Create(pool, track, dts, pts, flags, message.Buffer, payload);
    }

    private Track VideoTrack(CodecId codec, ReadOnlySpan<byte> config)
    {
        if (_video is not null && _video.Codec == codec && config.SequenceEqual(_video.Config.Span))
        {
            return _video;
        }

        var format = CodecConfiguration.ReadVideoFormat(codec, config);
        if (format.FrameRate <= 0)
        {
            format = format with { FrameRate = _announcedFrameRate };
        }

        return new Track(TrackKind.Video, codec, config.ToArray(), Video: format);
    }

    /// <summary>Neither vpcC nor VP8 states a size: it stands in each keyframe.</summary>
    private static Track Sized(Track track, ReadOnlySpan<byte> keyframe)
    {
        var size = CodecConfiguration.ReadVideoFormatFromKeyframe(track.Codec, keyframe);
        return size.Width == 0 || (size.Width == track.Video.Width && size.Height == track.Video.Height)
            ? track
            : track with { Video = track.Video with { Width = size.Width, Height = size.Height } };
    }

    private Track AudioTrack(CodecId codec, ReadOnlySpan<byte> config, AudioFormat stated)
    {
        if (_audio is not null && _audio.Codec == codec && config.SequenceEqual(_audio.Config.Span))
        {
            return _audio;
        }

        return new Track(TrackKind.Audio, codec, config.ToArray(), Audio: config.IsEmpty ? stated : CodecConfiguration.ReadAudioFormat(codec, config));
    }

    private static AudioFormat FrameFormat(byte first, FlvAudioTag tag) => tag.CodecId switch
    {
        CodecId.Mp3 => Mp3FrameFormat(first),
        CodecId.Opus => new AudioFormat(48000, 2),
        _ => default,
    };

    // FLV 10.1 §E.4.2.1; format 14 is MP3 at 8 kHz. In FourCC mode the low bits are a packet type and say nothing.
    private static AudioFormat Mp3FrameFormat(byte first) => (first >> 4) switch
    {
        14 => new AudioFormat(8000, (first & 1) + 1),
        2 => new AudioFormat(44100 >> (3 - ((first >> 2) & 3)), (first & 1) + 1),
        _ => default,
    };

    private bool Drop(in RtmpMessage message, bool counted, out Packet packet)
    {
        if (counted)
        {
            DroppedMessages++;
        }

        message.Buffer.Release();
        packet = null!;
        return false;
    }
}
