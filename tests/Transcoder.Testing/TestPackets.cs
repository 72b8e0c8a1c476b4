using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing;

/// <summary>Small packets on fixed tracks; the payload is arbitrary.</summary>
public static class TestPackets
{
    public static readonly Track VideoTrack = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 100, 0, 31 }, new VideoFormat(1280, 720, 30));

    public static readonly Track AudioTrack = new(TrackKind.Audio, CodecId.Aac, new byte[] { 0x12, 0x10 }, Audio: new AudioFormat(44100, 2));

    public static Packet Video(this MediaBufferPool pool, long milliseconds, bool keyframe = false, int size = 100, long? pts = null) =>
        Packet.Copy(pool, VideoTrack, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(pts ?? milliseconds), keyframe ? PacketFlags.Keyframe : PacketFlags.None, new byte[size]);

    public static Packet Audio(this MediaBufferPool pool, long milliseconds, int size = 20) =>
        Packet.Copy(pool, AudioTrack, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), PacketFlags.None, new byte[size]);

    public static Packet Metadata(this MediaBufferPool pool, long milliseconds = 0) =>
        Packet.Copy(pool, Track.Amf0Data, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), PacketFlags.Metadata, "onMetaData"u8);
}
