using System.Buffers;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Media messages of one message stream to packets that slice the message's own block: one for each track that the message holds. Times are extended to 64 bits by
/// one unwrapper for all tracks, so that a track that begins after a wrap is not 49 days behind. Does no I/O. Not thread safe.
/// </summary>
/// <param name="leftOut">Told once of each track whose codec the house does not know.</param>
internal sealed class MessageDemuxer(MediaBufferPool pool, Action<Reason>? leftOut = null)
{
    private const string Metadata = "onMetaData";

    private readonly TrackTable _video = new(TrackKind.Video);
    private readonly TrackTable _audio = new(TrackKind.Audio);
    private readonly Queue<Packet> _packets = new();
    private readonly HashSet<(TrackKind Kind, byte Id)> _leftOut = [];
    private TimestampUnwrapper _time;

    /// <summary>Messages that made no packet though they held media: no sequence header yet, a codec we cannot name, damage.</summary>
    public long DroppedMessages { get; private set; }

    /// <summary>Track 0.</summary>
    public Track? Video => _video[0];

    /// <summary>Track 0.</summary>
    public Track? Audio => _audio[0];

    /// <summary>Takes over the message's block.</summary>
    /// <param name="packet">Owned by the caller. More may follow: <see cref="TryNext"/>.</param>
    /// <returns>False for configuration and for what is dropped.</returns>
    public bool TryDemux(in RtmpMessage message, out Packet packet)
    {
        var understood = message.Type switch
        {
            MessageType.Video => TakeVideo(message),
            MessageType.Audio => TakeAudio(message),
            MessageType.DataAmf0 or MessageType.DataAmf3 => TakeData(message),
            _ => true,
        };
        if (!understood)
        {
            DroppedMessages++;
        }

        message.Buffer.Release();
        return TryNext(out packet);
    }

    /// <summary>The next packet of the message just taken apart: a multitrack message makes several.</summary>
    /// <param name="packet">Owned by the caller.</param>
    public bool TryNext(out Packet packet) => _packets.TryDequeue(out packet!);

    public bool HasNext => _packets.Count > 0;

    /// <summary>Gives back what nobody fetched.</summary>
    public void Clear()
    {
        while (TryNext(out var packet))
        {
            packet.Release();
        }
    }

    /// <returns>False when a part of the message was lost.</returns>
    private bool TakeVideo(in RtmpMessage message)
    {
        var understood = false;
        var first = true;
        foreach (var tag in FlvVideoTag.Tracks(message.Body))
        {
            if (_packets.Count == TrackTable.MostTracks)
            {
                return false;
            }

            var taken = TakeVideo(message, tag);
            understood = first ? taken : understood && taken;
            first = false;
        }

        return understood;
    }

    private bool TakeVideo(in RtmpMessage message, in FlvVideoTag tag)
    {
        var payload = message.Memory.Slice(tag.PayloadOffset, tag.PayloadLength);
        if (tag.CodecId == CodecId.None && tag.PacketKind is FlvPacketKind.SequenceStart or FlvPacketKind.CodedFrames)
        {
            LeaveOut(TrackKind.Video, tag.TrackId, FlvCodecs.VideoName(tag.CodecNumber));
            return false;
        }

        switch (tag.PacketKind)
        {
            case FlvPacketKind.SequenceStart:
                // The authors of the specification begin AV1 files with an empty header before the real one.
                return payload.IsEmpty || _video.Configure(tag.TrackId, tag.CodecId, payload.Span) is not null;
            case FlvPacketKind.CodedFrames:
                return TakePicture(message, tag, payload);
            case FlvPacketKind.SequenceEnd:
                if (_video[tag.TrackId] is { } ending && ending.Codec == tag.CodecId)
                {
                    Add(message, ending, 0, tag.NanosecondOffset, PacketFlags.EndOfSequence, default);
                }

                return true;
            case FlvPacketKind.Metadata:
                return TryReadDescription(payload.Span, out var description) && _video.Describe(tag.TrackId, description);
            default:
                // Seek marks are for players that seek; AV1's MPEG-2 TS descriptor says nothing that its pictures do not.
                return tag.PacketKind != FlvPacketKind.Unknown;
        }
    }

    private bool TakePicture(in RtmpMessage message, in FlvVideoTag tag, ReadOnlyMemory<byte> payload)
    {
        var track = _video[tag.TrackId];
        if (track is null || track.Codec != tag.CodecId)
        {
            // AV1, VP9 and VP8 pictures say all that a decoder needs.
            track = tag.CodecId is CodecId.H264 or CodecId.Hevc ? null : _video.Configure(tag.TrackId, tag.CodecId, []);
        }

        if (track is null)
        {
            return false;
        }

        if (payload.IsEmpty)
        {
            return true;
        }

        if (tag.IsKeyframe && tag.CodecId is (CodecId.Vp9 or CodecId.Vp8))
        {
            track = _video.Resize(track, payload.Span);
        }

        var flags = tag.IsKeyframe ? PacketFlags.Keyframe : tag.IsDisposable ? PacketFlags.Disposable : PacketFlags.None;
        Add(message, track, tag.CompositionTime, tag.NanosecondOffset, flags, payload);
        return true;
    }

    private bool TakeAudio(in RtmpMessage message)
    {
        var understood = false;
        var first = true;
        foreach (var tag in FlvAudioTag.Tracks(message.Body))
        {
            if (_packets.Count == TrackTable.MostTracks)
            {
                return false;
            }

            var taken = TakeAudio(message, tag);
            understood = first ? taken : understood && taken;
            first = false;
        }

        return understood;
    }

    private bool TakeAudio(in RtmpMessage message, in FlvAudioTag tag)
    {
        var payload = message.Memory.Slice(tag.PayloadOffset, tag.PayloadLength);
        if (tag.CodecId == CodecId.None && tag.PacketKind is FlvPacketKind.SequenceStart or FlvPacketKind.CodedFrames)
        {
            LeaveOut(TrackKind.Audio, tag.TrackId, FlvCodecs.AudioName(tag.CodecNumber));
            return false;
        }

        switch (tag.PacketKind)
        {
            case FlvPacketKind.SequenceStart:
                return payload.IsEmpty || _audio.Configure(tag.TrackId, tag.CodecId, payload.Span) is not null;
            case FlvPacketKind.MultichannelConfig:
                return _audio.Describe(tag.TrackId, payload.Span);
            case FlvPacketKind.SequenceEnd or FlvPacketKind.Empty:
                if (_audio[tag.TrackId] is { } ending && (tag.PacketKind == FlvPacketKind.Empty || ending.Codec == tag.CodecId))
                {
                    Add(message, ending, 0, tag.NanosecondOffset, PacketFlags.EndOfSequence, default);
                }

                return true;
            case FlvPacketKind.CodedFrames:
                var track = _audio[tag.TrackId];
                if (track is null || track.Codec != tag.CodecId)
                {
                    // AAC frames mean nothing without their AudioSpecificConfig; the other codecs' frames are complete, or (Opus) have defaults.
                    track = tag.CodecId is CodecId.Aac or CodecId.Flac
                        ? null
                        : _audio.Configure(tag.TrackId, tag.CodecId, [], FrameFormat(message.Body[0], tag, payload.Span));
                }

                if (track is null || payload.IsEmpty)
                {
                    return false;
                }

                Add(message, track, 0, tag.NanosecondOffset, PacketFlags.None, payload);
                return true;
            default:
                return tag.PacketKind != FlvPacketKind.Unknown;
        }
    }

    private void LeaveOut(TrackKind kind, byte id, string codec)
    {
        if (leftOut is not null && _leftOut.Count < 2 * TrackTable.MostTracks && _leftOut.Add((kind, id)))
        {
            leftOut(new Reason(Reasons.CodecNotSupported, $"{(kind == TrackKind.Video ? "video" : "audio")} track {id} is {codec}, which this server does not take; the track is left out"));
        }
    }

    /// <returns>False only for what is lost: data that is no call at all (FFmpeg's time codes) is dropped without complaint.</returns>
    private bool TakeData(in RtmpMessage message)
    {
        var body = message.Body;

        // Type 15 begins with a format byte, 0: AMF0 values follow, of which each may switch to AMF3.
        var start = message.Type == MessageType.DataAmf3 && body.Length > 0 && body[0] == 0 ? 1 : 0;
        var reader = new Amf0Reader(body[start..]);
        if (!reader.TryReadString(out var name) || name == "|RtmpSampleAccess")
        {
            return true;
        }

        if (name == "@clearDataFrame")
        {
            if (!reader.TryReadString(out var forgotten) || forgotten == Metadata)
            {
                Add(message, Track.Amf0Data, 0, 0, PacketFlags.Metadata, default);
            }

            return true;
        }

        if (name == "@setDataFrame")
        {
            // For the server's ears; players get the name and value behind it.
            start += reader.Position;
            reader = new Amf0Reader(body[start..]);
            if (!reader.TryReadString(out name))
            {
                return true;
            }
        }

        // To its end, so that it is known whether AMF3 stands anywhere in it.
        var values = new List<AmfValue>();
        while (!reader.AtEnd && reader.TryRead(out var value))
        {
            values.Add(value);
        }

        var flags = name == Metadata ? PacketFlags.Metadata : PacketFlags.None;
        if (flags != 0 && values.Count > 0 && values[0].AsObject?["framerate"].AsNumber is > 0 and < 1000 and { } rate)
        {
            _video.AnnouncedFrameRate = rate;
        }

        if (!reader.HasAmf3)
        {
            Add(message, Track.Amf0Data, 0, 0, flags, message.Memory[start..]);
            return true;
        }

        if (!reader.AtEnd || reader.HasReferences)
        {
            return false;
        }

        return AddAsAmf0(message, name, values, flags);
    }

    /// <summary>Every player reads AMF0, so that is what data become.</summary>
    private bool AddAsAmf0(in RtmpMessage message, string name, List<AmfValue> values, PacketFlags flags)
    {
        var output = new ArrayBufferWriter<byte>();
        var amf = new Amf0Writer(output).String(name);
        foreach (var value in values)
        {
            // onMetaData's argument is an ECMA array by definition; whoever reads one reads any object so.
            if (value.AsObject is { } properties)
            {
                amf.BeginEcmaArray(properties.Properties.Count);
                foreach (var (key, property) in properties.Properties)
                {
                    amf.Name(key).Value(property);
                }

                amf.End();
            }
            else
            {
                amf.Value(value);
            }
        }

        // What is no UTF-8 takes three times its bytes.
        if (output.WrittenCount > MessageMuxer.LargestPayload)
        {
            return false;
        }

        var time = MediaTime.FromMilliseconds(_time.Near(message.Timestamp));
        _packets.Enqueue(Packet.Copy(pool, Track.Amf0Data, time, time, flags, output.WrittenSpan));
        return true;
    }

    private void Add(in RtmpMessage message, Track track, int compositionTime, int nanoseconds, PacketFlags flags, ReadOnlyMemory<byte> payload)
    {
        // Script data is often stamped 0, whatever the media's clock says.
        var milliseconds = track.Kind == TrackKind.Data ? _time.Near(message.Timestamp) : _time.Unwrap(message.Timestamp);
        var dts = MediaTime.FromMilliseconds(milliseconds);
        var pts = MediaTime.FromMilliseconds(milliseconds + compositionTime) + new MediaTime(nanoseconds);
        message.Buffer.AddReference();
        _packets.Enqueue(Packet.Create(pool, track, dts, pts, flags, message.Buffer, payload));
    }

    /// <param name="description">The pairs as they came; empty for a colorInfo without content, which takes the last one back.</param>
    private static bool TryReadDescription(ReadOnlySpan<byte> pairs, out ReadOnlySpan<byte> description)
    {
        description = pairs;
        var reader = new Amf0Reader(pairs);
        if (!reader.TryReadString(out var name) || !reader.TryRead(out var value) || reader.HasAmf3)
        {
            return false;
        }

        if (name == "colorInfo" && value.AsObject is not { Properties.Count: > 0 })
        {
            description = default;
        }

        return true;
    }

    private static AudioFormat FrameFormat(byte first, FlvAudioTag tag, ReadOnlySpan<byte> frame) => tag.CodecId switch
    {
        CodecId.Mp3 => Mp3FrameFormat(first, frame),
        CodecId.Opus => new AudioFormat(48000, 2),
        _ => Media.Bitstreams.CodecConfiguration.ReadAudioFormatFromFrame(tag.CodecId, frame),
    };

    // FLV 10.1 §E.4.2.1; format 14 is MP3 at 8 kHz. In FourCC mode the low bits are a packet type and say nothing.
    private static AudioFormat Mp3FrameFormat(byte first, ReadOnlySpan<byte> frame) => (first >> 4) switch
    {
        14 => new AudioFormat(8000, (first & 1) + 1),
        2 => new AudioFormat(44100 >> (3 - ((first >> 2) & 3)), (first & 1) + 1),
        _ => Media.Bitstreams.CodecConfiguration.ReadAudioFormatFromFrame(CodecId.Mp3, frame),
    };
}
