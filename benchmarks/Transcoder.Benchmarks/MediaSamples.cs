using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Benchmarks;

/// <summary>Packets of the size that a 2.5 Mb/s stream has: pictures of about 10 KiB, sound of some hundred bytes.</summary>
internal static class MediaSamples
{
    public const int PictureBytes = 10_000;
    public const int SoundBytes = 350;

    public static readonly Track Video = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 100, 0, 31 }, new VideoFormat(1280, 720, 30));
    public static readonly Track Audio = new(TrackKind.Audio, CodecId.Aac, new byte[] { 0x12, 0x10 }, Audio: new AudioFormat(44100, 2));

    private static readonly byte[] Payload = new byte[PictureBytes];

    public static Packet Picture(MediaBufferPool pool, long milliseconds) => Packet.Copy(
        pool, Video, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds),
        milliseconds % 2_000 == 0 ? PacketFlags.Keyframe : PacketFlags.None, Payload);

    public static Packet Sound(MediaBufferPool pool, long milliseconds) => Packet.Copy(
        pool, Audio, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), PacketFlags.None, Payload.AsSpan(0, SoundBytes));
}
