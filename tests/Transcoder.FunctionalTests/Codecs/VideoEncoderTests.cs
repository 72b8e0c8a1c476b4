using Transcoder.Codecs.Libav;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Media.Buffers;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class VideoEncoderTests
{
    [Theory]
    [InlineData(CodecId.H264, 0)]
    [InlineData(CodecId.H264, 2)]
    [InlineData(CodecId.Hevc, 0)]
    [InlineData(CodecId.Hevc, 2)]
    [InlineData(CodecId.Vp9, 0)]
    [InlineData(CodecId.Av1, 0)]
    public void Every_frame_comes_back_with_its_own_time(CodecId codec, int bFrames)
    {
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec, bFrames: bFrames));
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 40).Select(i => (pictures.Video(320, 180, Coding.JitteredTime(i), i), i == 0)));

        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), packets.Select(p => p.Pts).Order());
        Assert.All(packets, p => Assert.True(p.Dts <= p.Pts));
        Assert.Equal(packets.Select(p => p.Dts), packets.Select(p => p.Dts).Order());
        Assert.Equal(bFrames > 0, packets.Any(p => p.Dts != p.Pts));

        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), frames.Select(f => f.Pts));
        Assert.All(frames, f => Assert.Equal((320, 180), (f.Width, f.Height)));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Theory]
    [InlineData(CodecId.H264, 0)]
    [InlineData(CodecId.H264, 2)]
    [InlineData(CodecId.Hevc, 0)]
    [InlineData(CodecId.Hevc, 2)]
    [InlineData(CodecId.Vp9, 0)]
    [InlineData(CodecId.Av1, 0)]
    public void Keyframes_are_where_they_were_forced_and_nowhere_else(CodecId codec, int bFrames)
    {
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec, bFrames: bFrames));

        // Every 25th picture is a hard cut, which an encoder left to itself would make a keyframe.
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 100).Select(i =>
            (pictures.Video(320, 180, Coding.JitteredTime(i), i, flat: (byte)(i / 25 % 2 == 0 ? 40 : 200)), i is 0 or 13 or 61 or 62)));

        Assert.Equal(
            new[] { 0, 13, 61, 62 }.Select(i => Coding.JitteredTime(i)),
            packets.Where(p => p.IsKeyframe).Select(p => p.Pts));
        if (codec is CodecId.H264 or CodecId.Hevc)
        {
            Assert.All(packets, p => Assert.Equal(p.IsKeyframe, HasIdr(codec, p.Payload.Span)));
        }

        // Each keyframe stands alone.
        foreach (var key in packets.Where(p => p.IsKeyframe))
        {
            using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
            var frames = Coding.Decode(decoder, [key]);
            Assert.Equal(key.Pts, Assert.Single(frames).Pts);
            Coding.Release(frames);
        }

        Coding.Release(packets);
    }

    [Theory]
    [InlineData(CodecId.H264)]
    [InlineData(CodecId.Hevc)]
    [InlineData(CodecId.Av1)]
    [InlineData(CodecId.Vp9)]
    public void The_configuration_record_is_known_from_opening_on(CodecId codec)
    {
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec, 640, 360));

        Assert.Equal(codec, encoder.Track.Codec);
        Assert.NotEqual(0, encoder.Track.Config.Length);
        if (codec != CodecId.Vp9)
        {
            var read = CodecConfiguration.ReadVideoFormat(codec, encoder.Track.Config.Span);
            Assert.Equal((640, 360), (read.Width, read.Height));
        }
    }

    [Fact]
    public void The_nominal_rate_and_the_colour_are_in_the_h264_headers()
    {
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264, rate: 29.97) with { Color = new ColorDescription(1, 1, 1) });

        Assert.Equal(29.97, CodecConfiguration.ReadVideoFormat(CodecId.H264, encoder.Track.Config.Span).FrameRate, 0.005);

        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        var packets = Coding.Encode(encoder, pool, [(pictures.Video(320, 180, Coding.JitteredTime(0)), true)]);
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.Equal(new ColorDescription(1, 1, 1), Assert.Single(frames).Color);
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Theory]
    [InlineData(CodecId.H264, RateControl.Cbr)]
    [InlineData(CodecId.H264, RateControl.Vbr)]
    [InlineData(CodecId.Hevc, RateControl.Cbr)]
    [InlineData(CodecId.Vp9, RateControl.Cbr)]
    [InlineData(CodecId.Av1, RateControl.Cbr)]
    public void Noise_is_held_to_the_bitrate(CodecId codec, RateControl rateControl)
    {
        const int frames = 300;
        const int bitrate = 1_500_000;
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec, 256, 144, bitrate: bitrate) with { RateControl = rateControl });
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, frames).Select(i =>
            (pictures.Video(256, 144, Coding.JitteredTime(i), i, noise: true), i % 60 == 0)));

        var rate = packets.Sum(p => (long)p.Payload.Length) * 8 / (frames / 30.0);
        Coding.Release(packets);
        Assert.InRange(rate, bitrate * 0.9, bitrate * 1.1);
    }

    [Theory]
    [InlineData(CodecId.H264)]
    [InlineData(CodecId.Hevc)]
    public void Constant_rate_is_filled_up_where_pictures_are_simple(CodecId codec)
    {
        const int frames = 150;
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec));
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, frames).Select(i => (pictures.Video(320, 180, Coding.JitteredTime(i), i, flat: 90), i % 60 == 0)));

        var rate = packets.Sum(p => (long)p.Payload.Length) * 8 / (frames / 30.0);
        Coding.Release(packets);
        Assert.InRange(rate, 450_000, 550_000);
    }

    [Fact]
    public void Without_b_frames_a_small_picture_comes_out_at_once()
    {
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264));
        for (var i = 0; i < 5; i++)
        {
            var frame = pictures.Video(320, 180, Coding.JitteredTime(i), i);
            encoder.Send(frame, i == 0);
            frame.Release();
            Assert.Equal(Media.Ports.CodecStatus.Ok, encoder.Receive(out var unit));
            Assert.Equal(Coding.JitteredTime(i), unit.Pts);
        }
    }

    private static bool HasIdr(CodecId codec, ReadOnlySpan<byte> payload)
    {
        foreach (var nal in NalUnits.InLengthPrefixed(payload, 4))
        {
            var type = NalUnits.Type(codec, nal);
            if (codec == CodecId.H264 ? type == 5 : type is 19 or 20)
            {
                return true;
            }
        }

        return false;
    }
}
