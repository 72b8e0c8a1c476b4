using System.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// An FLV file as a publisher's messages: the file reads the same in any cut; the packets that it becomes go out as messages from which the same packets come back.
/// </summary>
internal static class FlvTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 5000, 64 << 20, static (bytes, pool) =>
    {
        var whole = Tags(bytes, bytes.Length, out var result);
        var single = Tags(bytes, 3, out var singleResult);
        Promise.Holds(result == singleResult && whole.SequenceEqual(single), "the file reads differently in pieces");

        var demuxer = new MessageDemuxer(pool);
        var returned = new MessageDemuxer(pool);
        var muxer = new MessageMuxer(pool, ChunkReader.DefaultChunkSize);
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        Track? announcedVideo = null;
        Track? announcedAudio = null;
        foreach (var tag in whole)
        {
            var body = bytes.AsSpan(tag.BodyOffset, tag.BodyLength);
            var buffer = pool.Rent(body.Length);
            body.CopyTo(buffer.Array);
            if (!demuxer.TryDemux(new RtmpMessage((MessageType)tag.Type, 4, 1, tag.Timestamp, buffer, body.Length), out var packet))
            {
                continue;
            }

            try
            {
                Promise.Holds(packet.Payload.Length <= body.Length, "a packet longer than its message");
                if (packet.Track.Kind == TrackKind.Data || !MessageMuxer.CanCarry(packet.Track) || packet.Track.Id != 0)
                {
                    continue;
                }

                ref var announced = ref announcedVideo;
                if (packet.Track.Kind == TrackKind.Audio)
                {
                    announced = ref announcedAudio;
                }

                if (!packet.Track.Equals(announced))
                {
                    announced = packet.Track;
                    if (muxer.SequenceHeader(packet.Track, tag.Timestamp) is { } header)
                    {
                        Promise.Holds(Return(header, reader, returned) is null, "a sequence header came back as a packet");
                    }
                }

                var again = Return(muxer.ImageOf(packet), reader, returned);
                Promise.Holds(again is not null, "a packet did not come back");
                var same = again!.Payload.Span.SequenceEqual(packet.Payload.Span) && again.Track.Codec == packet.Track.Codec && again.IsKeyframe == packet.IsKeyframe &&
                    again.Track.Config.Span.SequenceEqual(packet.Track.Config.Span);
                again.Release();
                Promise.Holds(same, "another packet came back");
            }
            finally
            {
                packet.Release();
            }
        }
    });

    private static Packet? Return(WireImage image, ChunkReader reader, MessageDemuxer demuxer)
    {
        var window = new ReadOnlySequence<byte>(image.Memory);
        var result = reader.Read(ref window, out var message);
        image.Release();
        Promise.Holds(result == ChunkReadResult.Message && window.IsEmpty, "our image is no message");
        return demuxer.TryDemux(message, out var packet) ? packet : null;
    }

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
}
