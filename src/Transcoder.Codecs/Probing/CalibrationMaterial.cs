using Transcoder.Codecs.Libav;
using Transcoder.Codecs.Native;
using Transcoder.Media.Buffers;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Probing;

/// <summary>Pictures that cost an encoder what live pictures cost: motion everywhere and some noise.</summary>
internal sealed class CalibrationMaterial : IDisposable
{
    private const int Count = 12;

    private readonly LibavFramePool _frames = new();
    private readonly Random _random = new(1);
    private readonly double _rate;

    public CalibrationMaterial(int width, int height, double rate)
    {
        _rate = rate;
        Pictures = [.. Enumerable.Range(0, Count).Select(i => Picture(width, height, i))];
    }

    public IReadOnlyList<LibavFrame> Pictures { get; }

    /// <summary>One GOP of them, coded in software; the caller owns the packets.</summary>
    public Track Encode(CodecId codec, out List<Packet> packets)
    {
        var pool = new MediaBufferPool();
        var coded = new List<Packet>();
        var (width, height) = (Pictures[0].Width, Pictures[0].Height);
        using var encoder = DeviceCatalog.Open(DeviceRef.Cpu).OpenVideoEncoder(new VideoEncoderSettings(
            codec, width, height, _rate, 4_000_000, RateControl.Vbr, 1000, "speed", "", "", BFrames: 0, GopFrames: Count));
        for (var i = 0; i < Count; i++)
        {
            encoder.Send(Pictures[i], forceKeyframe: i == 0);
            Collect();
        }

        encoder.Send(null, forceKeyframe: false);
        Collect();
        packets = coded;
        return encoder.Track;

        void Collect()
        {
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                coded.Add(Packet.Copy(pool, encoder.Track, unit.Dts, unit.Pts, unit.IsKeyframe ? PacketFlags.Keyframe : 0, unit.Data));
            }
        }
    }

    public void Dispose()
    {
        foreach (var picture in Pictures)
        {
            picture.Release();
        }

        _frames.Dispose();
    }

    private unsafe LibavFrame Picture(int width, int height, int index)
    {
        var frame = _frames.Rent();
        var time = new MediaTime((long)(index * 1e9 / _rate));
        ShimLibrary.ThrowIfFailed(Shim.FrameMakeVideo(frame.Handle, width, height, "nv12", 0, time.Nanoseconds), "No memory for a picture");
        for (var plane = 0; plane < 2; plane++)
        {
            var pixels = Shim.FramePlane(frame.Handle, plane, out var stride, out var rows);
            for (var y = 0; y < rows; y++)
            {
                var row = new Span<byte>(pixels + ((nint)y * stride), stride);
                for (var x = 0; x < stride; x++)
                {
                    row[x] = (byte)(plane == 0 ? 24 + ((x + (2 * y) + (index * 5)) % 192) + _random.Next(12) : 128);
                }
            }
        }

        ShimLibrary.ThrowIfFailed(Shim.FrameRead(frame.Handle, out var facts), "No picture");
        frame.Describe(facts, time);
        return frame;
    }
}
