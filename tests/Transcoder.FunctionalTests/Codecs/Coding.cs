using Transcoder.Codecs;
using Transcoder.Codecs.Libav;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.FunctionalTests.Codecs;

/// <summary>The loops that every codec test needs.</summary>
internal static class Coding
{
    public static IDevice Cpu { get; } = DeviceCatalog.Open().Single(d => d.Id == "cpu");

    public static VideoEncoderSettings Video(CodecId codec, int width = 320, int height = 180, double rate = 30, int bitrate = 500_000, int bFrames = 0) =>
        new(codec, width, height, rate, bitrate, RateControl.Cbr, 1000, "speed", "", "", bFrames, GopFrames: 300);

    /// <summary>Times as a camera gives them: near the rate, never on it.</summary>
    public static MediaTime JitteredTime(int index, double rate = 30) =>
        new((long)(index * 1e9 / rate) + (index * 7919 % 1_000_003) + 12_345_678_901_234);

    public static List<Packet> Encode(IVideoEncoder encoder, MediaBufferPool pool, IEnumerable<(LibavFrame Frame, bool Force)> frames)
    {
        var packets = new List<Packet>();
        foreach (var (frame, force) in frames)
        {
            encoder.Send(frame, force);
            frame.Release();
            Collect();
        }

        encoder.Send(null, false);
        Collect();
        return packets;

        void Collect()
        {
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                var flags = (unit.IsKeyframe ? PacketFlags.Keyframe : 0) | (unit.IsDisposable ? PacketFlags.Disposable : 0);
                packets.Add(Packet.Copy(pool, encoder.Track, unit.Dts, unit.Pts, flags, unit.Data));
            }
        }
    }

    /// <summary>Decodes and drains; the caller owns the frames. Packets stay the caller's.</summary>
    public static List<LibavFrame> Decode(IDecoder decoder, IEnumerable<Packet> packets)
    {
        var frames = new List<LibavFrame>();
        foreach (var packet in packets)
        {
            decoder.Send(packet);
            Collect();
        }

        decoder.Send(null);
        Collect();
        return frames;

        void Collect()
        {
            while (decoder.Receive(out var frame) == CodecStatus.Ok)
            {
                frames.Add((LibavFrame)frame!);
            }
        }
    }

    public static void Release(IEnumerable<RefCounted> owned)
    {
        foreach (var one in owned)
        {
            one.Release();
        }
    }
}
