using System.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing.Rtmp;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// An FLV file as a publisher's messages: the file reads the same in any cut; the packets that it becomes go out as messages, in both forms, from which the same
/// packets come back.
/// </summary>
internal static class FlvTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 2000, 1 << 20, static (bytes, pool) =>
    {
        var tags = Tags(bytes, bytes.Length, out var result);
        Promise.Holds(tags.SequenceEqual(Tags(bytes, 3, out var piecesResult)) && result == piecesResult, "the file reads differently in pieces");

        using var compatible = new Receiver(pool, FlvForms.Compatible);
        using var precise = new Receiver(pool, FlvForms.Precise);
        var demuxer = new MessageDemuxer(pool);
        try
        {
            foreach (var tag in tags)
            {
                var body = bytes.AsSpan(tag.BodyOffset, tag.BodyLength);
                var buffer = pool.Rent(body.Length);
                body.CopyTo(buffer.Span);
                var packets = 0;
                for (var any = demuxer.TryDemux(new RtmpMessage((MessageType)tag.Type, 4, 1, tag.Timestamp, buffer, body.Length), out var packet); any; any = demuxer.TryNext(out packet))
                {
                    try
                    {
                        Promise.Holds(++packets <= TrackTable.MostTracks, "more packets of one message than tracks are allowed");
                        compatible.Take(packet);
                        precise.Take(packet);
                    }
                    finally
                    {
                        packet.Release();
                    }
                }
            }
        }
        finally
        {
            demuxer.Clear();
        }
    });

    private static List<FlvFileTag> Tags(byte[] bytes, int step, out FlvReadResult result)
    {
        var reader = new FlvFileReader();
        List<FlvFileTag> tags = [];
        var taken = 0;
        result = FlvReadResult.NeedMore;
        for (var arrived = 0; arrived < bytes.Length && result == FlvReadResult.NeedMore;)
        {
            arrived = Math.Min(bytes.Length, arrived + step);
            while ((result = reader.Read(bytes.AsSpan(taken, arrived - taken), out var consumed, out var tag)) == FlvReadResult.Tag)
            {
                Promise.Holds(consumed > 0 && consumed <= arrived - taken && tag.BodyLength >= 0, "the file's reader does not move, or too far");
                Promise.Holds(tag.BodyOffset >= 0 && tag.BodyOffset + tag.BodyLength <= consumed, "a tag lies outside of what was read");
                tags.Add(tag with { BodyOffset = taken + tag.BodyOffset });
                taken += consumed;
            }
        }

        return tags;
    }

    /// <summary>Who is sent the packets in one form, and reads them with our own demuxer.</summary>
    private sealed class Receiver(TrackingBufferPool pool, FlvForms forms) : IDisposable
    {
        private readonly MessageMuxer _muxer = new(pool, ChunkReader.DefaultChunkSize);
        private readonly ChunkReader _chunks = new(pool, ChunkLimits.Default);
        private readonly MessageDemuxer _demuxer = new(pool);
        private readonly Dictionary<(TrackKind Kind, byte Id), Track> _announced = [];

        public void Take(Packet packet)
        {
            var track = packet.Track;
            if (track.Kind == TrackKind.Data || !MessageMuxer.CanCarry(track))
            {
                return;
            }

            if (!_announced.TryGetValue((track.Kind, track.Id), out var last) || !last.Equals(track))
            {
                _announced[(track.Kind, track.Id)] = track;
                if (_muxer.SequenceHeader(track, MessageMuxer.TimestampOf(packet), forms) is { } header)
                {
                    Promise.Holds(Return(header) is null, "a sequence header came back as a packet");
                }
            }

            var again = Return(_muxer.ImageOf(packet, forms));
            Promise.Holds(again is not null || (packet.Flags & PacketFlags.EndOfSequence) != 0, "a packet did not come back");
            if (again is not null)
            {
                var difference = Difference(packet, again);
                again.Release();
                Promise.Holds(difference is null, $"another {difference} came back");
            }
        }

        public void Dispose() => _chunks.Dispose();

        private string? Difference(Packet packet, Packet again) =>
            !again.Payload.Span.SequenceEqual(packet.Payload.Span) ? "payload"
            : again.Flags != packet.Flags ? "flags"

            // The legacy form ends whatever sound the receiver has heard.
            : (packet.Flags & PacketFlags.EndOfSequence) != 0 ? null
            : again.Track.Codec != packet.Track.Codec || again.Track.Id != packet.Track.Id ? "track"

            // No message says that there is none any more. MP3 needs none, and its legacy form has no message for one.
            : !packet.Track.Config.IsEmpty && packet.Track.Codec != CodecId.Mp3 && !again.Track.Config.Span.SequenceEqual(packet.Track.Config.Span) ? "configuration"
            : (uint)again.Dts.Milliseconds != (uint)packet.Dts.Milliseconds ? "time"
            : HasExactTime(packet) && again.Pts - again.Dts != packet.Pts - packet.Dts ? "presentation time"
            : null;

        /// <summary>Composition times have 24 bits and two codecs, nanoseconds go along in one form alone.</summary>
        private bool HasExactTime(Packet packet) =>
            (forms & FlvForms.Precise) != 0 && packet.Track.Codec is CodecId.H264 or CodecId.Hevc &&
            (packet.Pts - packet.Dts).Milliseconds is > -(1 << 23) and < (1 << 23) - 1 && (packet.Flags & PacketFlags.EndOfSequence) == 0;

        private Packet? Return(WireImage image)
        {
            var window = new ReadOnlySequence<byte>(image.ToArray());
            var result = _chunks.Read(ref window, out var message);
            image.Release();
            Promise.Holds(result == ChunkReadResult.Message && window.IsEmpty, "our image is no message");
            var read = _demuxer.TryDemux(message, out var packet) ? packet : null;
            Promise.Holds(!_demuxer.HasNext, "one packet became two");
            return read;
        }
    }
}
