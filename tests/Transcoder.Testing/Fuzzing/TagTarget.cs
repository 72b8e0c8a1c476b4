using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// One message body as video and as audio: every track lies inside it, there are not more of them than bytes, and our header for such a frame reads the same in
/// every form.
/// </summary>
internal static class TagTarget
{
    private const int PayloadLength = 3;

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 200, 1 << 10, static (bytes, pool) =>
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
                Rewrite(tag, pool, FlvForms.Compatible);
                Rewrite(tag, pool, FlvForms.Precise);
                Rewrite(tag, pool, FlvForms.AsDefaultTrack);
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
                Rewrite(tag, pool, FlvForms.Compatible);
                Rewrite(tag, pool, FlvForms.Precise);
                Rewrite(tag, pool, FlvForms.AsDefaultTrack);
            }
        }
    });

    private static byte IdIn(FlvForms forms, byte id) => (forms & FlvForms.AsDefaultTrack) != 0 ? (byte)0 : id;

    private static void Rewrite(in FlvVideoTag tag, TrackingBufferPool pool, FlvForms forms)
    {
        var track = new Track(TrackKind.Video, tag.CodecId, default) { Id = tag.TrackId };
        var flags = tag.IsKeyframe ? PacketFlags.Keyframe : tag.IsDisposable ? PacketFlags.Disposable : PacketFlags.None;
        var dts = MediaTime.FromMilliseconds(100_000);
        var pts = dts + MediaTime.FromMilliseconds(tag.CompositionTime) + new MediaTime((forms & FlvForms.Precise) != 0 ? tag.NanosecondOffset : 0);
        var packet = Packet.Copy(pool, track, dts, pts, flags, new byte[PayloadLength]);
        Span<byte> body = stackalloc byte[FlvVideoTag.MaxHeaderSize + PayloadLength];
        var length = FlvVideoTag.WriteHeader(body, packet, forms);
        packet.Release();
        Promise.Holds(FlvVideoTag.TryParse(body[..(length + PayloadLength)], out var again), "our video header is not read");
        Promise.Holds(again.CodecId == tag.CodecId && again.PacketKind == tag.PacketKind, "our video header names another codec or kind");
        Promise.Holds(again.TrackId == IdIn(forms, tag.TrackId) && again.PayloadLength == PayloadLength, "our video header has another track or length");

        // Written with FourCC, which leaves the field to H.264 and HEVC; a legacy header has it for every codec.
        Promise.Holds(again.CompositionTime == (tag.CodecId is CodecId.H264 or CodecId.Hevc ? tag.CompositionTime : 0), "our video header has another composition time");
        Promise.Holds(again.NanosecondOffset == ((forms & FlvForms.Precise) != 0 ? tag.NanosecondOffset : 0), "our video header has other nanoseconds");
        Promise.Holds(again.IsKeyframe == tag.IsKeyframe, "our video header has another kind of frame");
    }

    private static void Rewrite(in FlvAudioTag tag, TrackingBufferPool pool, FlvForms forms)
    {
        var track = new Track(TrackKind.Audio, tag.CodecId, default, Audio: new AudioFormat(48000, 2)) { Id = tag.TrackId };
        var packet = Packet.Copy(pool, track, default, new MediaTime((forms & FlvForms.Precise) != 0 ? tag.NanosecondOffset : 0), PacketFlags.None, new byte[PayloadLength]);
        Span<byte> body = stackalloc byte[FlvAudioTag.MaxHeaderSize + PayloadLength];
        var length = FlvAudioTag.WriteHeader(body, packet, forms);
        packet.Release();
        Promise.Holds(FlvAudioTag.TryParse(body[..(length + PayloadLength)], out var again), "our audio header is not read");
        Promise.Holds(again.CodecId == tag.CodecId && again.PacketKind == tag.PacketKind, "our audio header names another codec or kind");
        Promise.Holds(again.TrackId == IdIn(forms, tag.TrackId) && again.PayloadLength == PayloadLength, "our audio header has another track or length");
        Promise.Holds(again.NanosecondOffset == ((forms & FlvForms.Precise) != 0 ? tag.NanosecondOffset : 0), "our audio header has other nanoseconds");
    }
}
