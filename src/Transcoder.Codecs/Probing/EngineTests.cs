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

/// <summary>A few frames through one engine: what an enumeration claims is believed of none. Sessions are closed at once.</summary>
internal sealed class EngineTests(IDevice device) : IDisposable
{
    // Above every encoder's least size, and quick in software.
    private const int Width = 640;
    private const int Height = 360;
    private const int Frames = 6;
    private const double Rate = 30;

    private readonly LibavFramePool _frames = new();
    private readonly MediaBufferPool _buffers = new();

    public static VideoEncoderSettings Settings(CodecId codec, int bFrames = 0) =>
        new(codec, Width, Height, Rate, 1_000_000, RateControl.Vbr, 1000, "speed", "", "", bFrames, GopFrames: 60);

    /// <exception cref="CodecException">It doesn't scale, or not rightly.</exception>
    public void Scale()
    {
        using var scaler = device.OpenScaler(new VideoFormat(Width / 2, Height / 2, Rate));
        using var down = DeviceCatalog.Open(DeviceRef.Cpu).OpenScaler(new VideoFormat(Width / 2, Height / 2, Rate));
        for (var i = 0; i < Frames; i++)
        {
            var picture = Picture(i);
            var scaled = scaler.Scale(picture);
            picture.Release();
            var seen = (LibavFrame)down.Scale(scaled);
            scaled.Release();
            var isRight = seen.Width == Width / 2 && seen.Height == Height / 2 && IsPicture(seen, i);
            seen.Release();
            if (!isRight)
            {
                throw new CodecException("the scaled picture is not the one that was given");
            }
        }
    }

    /// <returns>Whether pictures came back in another order, as B-frames do.</returns>
    /// <exception cref="CodecException">It doesn't encode, or loses frames.</exception>
    public bool Encode(CodecId codec, int bFrames)
    {
        using var encoder = device.OpenVideoEncoder(Settings(codec, bFrames));
        var packets = Encode(encoder);
        var reordered = packets.Exists(packet => packet.Pts != packet.Dts);
        var isWhole = packets.Count == Frames && packets[0].IsKeyframe;
        packets.ForEach(packet => packet.Release());
        return isWhole ? reordered : throw new CodecException($"{packets.Count} pictures came back of {Frames}");
    }

    /// <exception cref="CodecException">It doesn't decode, or loses frames.</exception>
    public void Decode(CodecId codec)
    {
        using var encoder = DeviceCatalog.Open(DeviceRef.Cpu).OpenVideoEncoder(Settings(codec));
        var packets = Encode(encoder);
        try
        {
            using var decoder = device.OpenDecoder(encoder.Track);
            var decoded = 0;
            foreach (var packet in packets)
            {
                decoder.Send(packet);
                decoded += Count(decoder);
            }

            decoder.Send(null);
            decoded += Count(decoder);
            if (decoded != Frames)
            {
                throw new CodecException($"{decoded} pictures came back of {Frames}");
            }
        }
        finally
        {
            packets.ForEach(packet => packet.Release());
        }
    }

    public void Dispose() => _frames.Dispose();

    private static int Count(IDecoder decoder)
    {
        var count = 0;
        while (decoder.Receive(out var frame) == CodecStatus.Ok)
        {
            count++;
            frame!.Release();
        }

        return count;
    }

    private List<Packet> Encode(IVideoEncoder encoder)
    {
        var packets = new List<Packet>();
        try
        {
            for (var i = 0; i < Frames; i++)
            {
                var picture = Picture(i);
                encoder.Send(picture, forceKeyframe: i == 0);
                picture.Release();
                Collect();
            }

            encoder.Send(null, forceKeyframe: false);
            Collect();
            return packets;
        }
        catch
        {
            packets.ForEach(packet => packet.Release());
            throw;
        }

        void Collect()
        {
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                packets.Add(Packet.Copy(_buffers, encoder.Track, unit.Dts, unit.Pts, unit.IsKeyframe ? PacketFlags.Keyframe : 0, unit.Data));
            }
        }
    }

    private static byte Luma(int index) => (byte)(60 + (index * 20));

    private unsafe LibavFrame Picture(int index)
    {
        var frame = _frames.Rent();
        var time = MediaTime.FromMilliseconds(index * 33);
        ShimLibrary.ThrowIfFailed(Shim.FrameMakeVideo(frame.Handle, Width, Height, "yuv420p", 0, time.Nanoseconds), "No memory for a picture");
        for (var plane = 0; plane < 3; plane++)
        {
            var pixels = Shim.FramePlane(frame.Handle, plane, out var stride, out var rows);
            new Span<byte>(pixels, stride * rows).Fill(plane == 0 ? Luma(index) : (byte)128);
        }

        ShimLibrary.ThrowIfFailed(Shim.FrameRead(frame.Handle, out var facts), "No picture");
        frame.Describe(facts, time);
        return frame;
    }

    private static unsafe bool IsPicture(LibavFrame frame, int index)
    {
        var pixels = Shim.FramePlane(frame.Handle, 0, out var stride, out var rows);
        return pixels is not null && Math.Abs(pixels[(stride * (rows / 2)) + (frame.Width / 2)] - Luma(index)) < 8;
    }
}
