using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.LoadGenerator;

internal readonly record struct ClipPacket(Track Track, MediaTime Dts, MediaTime Pts, PacketFlags Flags, byte[] Payload);

/// <summary>A recorded FLV in memory: its sizes, times and keyframes are what makes a load real.</summary>
internal sealed class RecordedClip
{
    private RecordedClip(List<ClipPacket> packets)
    {
        Packets = packets;

        // The next pass begins one picture after the last.
        Duration = packets[^1].Dts - packets[0].Dts + MediaTime.FromMilliseconds(33);
        BitsPerSecond = packets.Sum(packet => (long)packet.Payload.Length) * 8 / Duration.Seconds;
    }

    public IReadOnlyList<ClipPacket> Packets { get; }

    public MediaTime Duration { get; }

    public double BitsPerSecond { get; }

    /// <param name="bitsPerSecond">Pictures are cut or filled up so that every GOP has this rate and no run meets a quieter part than another; 0 leaves them.</param>
    public static RecordedClip Read(string file, double bitsPerSecond)
    {
        var clip = new RecordedClip(Parse(File.ReadAllBytes(file)));
        return bitsPerSecond <= 0 ? clip : new RecordedClip([.. Gops(clip).SelectMany(gop => AtRate(gop.Packets, bitsPerSecond * gop.Seconds / 8))]);
    }

    private static IEnumerable<(List<ClipPacket> Packets, double Seconds)> Gops(RecordedClip clip)
    {
        var gop = new List<ClipPacket>();
        foreach (var packet in clip.Packets)
        {
            if (packet.Flags == PacketFlags.Keyframe && gop.Count > 0)
            {
                yield return (gop, (packet.Dts - gop[0].Dts).Seconds);
                gop = [];
            }

            gop.Add(packet);
        }

        yield return (gop, (clip.Packets[0].Dts + clip.Duration - gop[0].Dts).Seconds);
    }

    private static IEnumerable<ClipPacket> AtRate(List<ClipPacket> gop, double bytes)
    {
        var pictures = gop.Where(packet => packet.Track.Kind == TrackKind.Video).Sum(packet => (double)packet.Payload.Length);
        var sound = gop.Sum(packet => (double)packet.Payload.Length) - pictures;
        return gop.Select(packet => packet with { Payload = Resized(packet, (bytes - sound) / pictures) });
    }

    private static List<ClipPacket> Parse(byte[] bytes)
    {
        var reader = new FlvFileReader();
        var packets = new List<ClipPacket>();
        Track? video = null, audio = null;
        var position = 0;
        while (reader.Read(bytes.AsSpan(position), out var consumed, out var tag) == FlvReadResult.Tag)
        {
            var body = tag.Body(bytes.AsSpan(position));
            var dts = MediaTime.FromMilliseconds(tag.Timestamp);
            if (tag.Type == FlvTagType.Video && FlvVideoTag.TryParse(body, out var picture))
            {
                if (picture.PacketKind == FlvPacketKind.SequenceStart)
                {
                    video = new Track(TrackKind.Video, picture.CodecId, picture.Payload(body).ToArray());
                }
                else if (picture.PacketKind == FlvPacketKind.CodedFrames && video is not null)
                {
                    var pts = MediaTime.FromMilliseconds(tag.Timestamp + picture.CompositionTime);
                    packets.Add(new ClipPacket(video, dts, pts, picture.IsKeyframe ? PacketFlags.Keyframe : PacketFlags.None, picture.Payload(body).ToArray()));
                }
            }
            else if (tag.Type == FlvTagType.Audio && FlvAudioTag.TryParse(body, out var sound))
            {
                if (sound.PacketKind == FlvPacketKind.SequenceStart)
                {
                    audio = new Track(TrackKind.Audio, sound.CodecId, sound.Payload(body).ToArray());
                }
                else if (sound.PacketKind == FlvPacketKind.CodedFrames && audio is not null)
                {
                    packets.Add(new ClipPacket(audio, dts, dts, PacketFlags.None, sound.Payload(body).ToArray()));
                }
            }

            position += consumed;
        }

        return packets.Count > 0 ? packets : throw new InvalidDataException("the clip holds no packets");
    }

    /// <summary>One NAL unit of the length wanted: nobody decodes it, and its length prefix is right.</summary>
    private static byte[] Resized(ClipPacket packet, double factor)
    {
        if (packet.Track.Kind != TrackKind.Video)
        {
            return packet.Payload;
        }

        var payload = new byte[Math.Max(32, (int)(packet.Payload.Length * factor))];
        Random.Shared.NextBytes(payload);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(payload, payload.Length - 4);
        payload[4] = packet.Flags == PacketFlags.Keyframe ? (byte)0x65 : (byte)0x41;
        return payload;
    }
}
