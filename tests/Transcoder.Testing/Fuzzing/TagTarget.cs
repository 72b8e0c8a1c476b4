using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Fuzzing;

/// <summary>One message body as video and as audio: every track lies inside it, there are not more of them than bytes, and our header for such a frame reads the same.</summary>
internal static class TagTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 500, 1 << 20, static (bytes, pool) =>
    {
        var tracks = 0;
        foreach (var tag in FlvVideoTag.Tracks(bytes))
        {
            Promise.Holds(++tracks <= 1 + bytes.Length, "more tracks than bytes");
            Promise.Holds(tag.NanosecondOffset is >= 0 and <= 999_999, "nanoseconds out of range");
            Promise.Holds(tag.CompositionTime is >= -(1 << 23) and < 1 << 23, "a composition time that does not fit its field");
            _ = tag.Payload(bytes);
            if (tag.PacketKind == FlvPacketKind.CodedFrames && FlvVideoTag.CanCarry(tag.CodecId))
            {
                Rewrite(tag, pool);
            }
        }

        tracks = 0;
        foreach (var tag in FlvAudioTag.Tracks(bytes))
        {
            Promise.Holds(++tracks <= 1 + bytes.Length, "more tracks than bytes");
            Promise.Holds(tag.NanosecondOffset is >= 0 and <= 999_999, "nanoseconds out of range");
            _ = tag.Payload(bytes);
            if (tag.PacketKind == FlvPacketKind.CodedFrames && FlvAudioTag.CanCarry(tag.CodecId))
            {
                Rewrite(tag, pool);
            }
        }
    });

    private static void Rewrite(in FlvVideoTag tag, TrackingBufferPool pool)
    {
        var track = new Track(TrackKind.Video, tag.CodecId, default) { Id = tag.TrackId };
        var flags = tag.IsKeyframe ? PacketFlags.Keyframe : tag.IsDisposable ? PacketFlags.Disposable : PacketFlags.None;
        var dts = MediaTime.FromMilliseconds(100_000);
        var packet = Packet.Copy(pool, track, dts, dts + MediaTime.FromMilliseconds(tag.CompositionTime), flags, [1, 2, 3]);
        Span<byte> body = stackalloc byte[FlvVideoTag.MaxHeaderSize + 3];
        var length = FlvVideoTag.WriteHeader(body, packet);
        packet.Release();
        Promise.Holds(FlvVideoTag.TryParse(body[..(length + 3)], out var again), "our video header is not read");
        Promise.Holds(again.CodecId == tag.CodecId && again.PacketKind == tag.PacketKind && again.TrackId == tag.TrackId, "our video header names another codec, kind or track");

        // Written with FourCC, which leaves the field to H.264 and HEVC; a legacy header has it for every codec.
        var time = tag.CodecId is CodecId.H264 or CodecId.Hevc ? tag.CompositionTime : 0;
        Promise.Holds(again.CompositionTime == time && again.PayloadLength == 3, "our video header has another composition time or length");
        Promise.Holds(again.IsKeyframe == tag.IsKeyframe, "our video header has another kind of frame");
    }

    private static void Rewrite(in FlvAudioTag tag, TrackingBufferPool pool)
    {
        var track = new Track(TrackKind.Audio, tag.CodecId, default, Audio: new AudioFormat(48000, 2)) { Id = tag.TrackId };
        var packet = Packet.Copy(pool, track, default, default, PacketFlags.None, [1, 2, 3]);
        Span<byte> body = stackalloc byte[FlvAudioTag.MaxHeaderSize + 3];
        var length = FlvAudioTag.WriteHeader(body, packet);
        packet.Release();
        Promise.Holds(FlvAudioTag.TryParse(body[..(length + 3)], out var again), "our audio header is not read");
        Promise.Holds(again.CodecId == tag.CodecId && again.PacketKind == tag.PacketKind && again.TrackId == tag.TrackId, "our audio header names another codec, kind or track");
        Promise.Holds(again.PayloadLength == 3, "our audio header has another length");
    }
}
