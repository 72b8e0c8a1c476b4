using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Codecs.Libav;
using Transcoder.FunctionalTests.Codecs;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>FFmpeg's own NVENC code on simulated cards. They say nothing about real ones' speed or quality.</summary>
public sealed class NvidiaDeviceTests : IDisposable
{
    private readonly MediaBufferPool _pool = new();
    private readonly TestPictures _pictures = new();
    private readonly NvidiaDevice _card = new(SimulatedMachine.Uuid(0));

    public NvidiaDeviceTests() => SimulatedCards.Configure();

    public void Dispose()
    {
        _card.Dispose();
        _pictures.Dispose();
    }

    [Theory]
    [InlineData(CodecId.H264, 0)]
    [InlineData(CodecId.H264, 2)]
    [InlineData(CodecId.Hevc, 0)]
    public void Frames_from_main_memory_come_back_with_their_times_and_forced_idrs(CodecId codec, int bFrames)
    {
        using var encoder = _card.OpenVideoEncoder(Coding.Video(codec, bFrames: bFrames));
        var packets = Coding.Encode(encoder, _pool, Enumerable.Range(0, 40).Select(i => (_pictures.Video(320, 180, Coding.JitteredTime(i), i), i is 0 or 13 or 26)));

        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), packets.Select(p => p.Pts).Order());
        Assert.Equal(packets.Select(p => p.Dts), packets.Select(p => p.Dts).Order());
        Assert.Equal(new[] { 0, 13, 26 }.Select(i => Coding.JitteredTime(i)), packets.Where(p => p.IsKeyframe).Select(p => p.Pts));
        Assert.All(packets, p => Assert.Equal(p.IsKeyframe, HasIdr(codec, p.Payload.Span)));
        Assert.Contains($"{codec.Name()}_nvenc ", encoder.Description, StringComparison.Ordinal);

        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), frames.Select(f => f.Pts));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Fact]
    public void A_ladder_of_scalers_stays_on_the_card_and_its_pictures_are_right()
    {
        using var toCard = _card.OpenScaler(new VideoFormat(640, 360, 30));
        using var toSmall = _card.OpenScaler(new VideoFormat(320, 180, 30));
        using var encoder = _card.OpenVideoEncoder(Coding.Video(CodecId.H264, bitrate: 3_000_000));
        using var large = new Owned(_pictures.Video(1280, 720, Coding.JitteredTime(0), flat: 77));
        using var middle = new Owned(toCard.Scale(large.Frame));
        using var small = new Owned(toSmall.Scale(middle.Frame));

        Assert.True(middle.Frame.IsHardware && small.Frame.IsHardware);
        Assert.Equal((640, 360, 320, 180), (middle.Frame.Width, middle.Frame.Height, small.Frame.Width, small.Frame.Height));
        Assert.Equal(Coding.JitteredTime(0), small.Frame.Pts);
        var packets = Coding.Encode(encoder, _pool, [(Shared(small.Frame), true)]);
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.All(TestPictures.Plane(Assert.Single(frames), 0, 320), luma => Assert.InRange(luma, 74, 80));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Fact]
    public void What_already_is_right_is_handed_on()
    {
        using var up = _card.OpenScaler(new VideoFormat(320, 180, 30));
        using var again = _card.OpenScaler(new VideoFormat(320, 180, 30));
        using var source = new Owned(_pictures.Video(320, 180, Coding.JitteredTime(0)));
        using var first = new Owned(up.Scale(source.Frame));
        using var second = new Owned(again.Scale(first.Frame));

        Assert.True(first.Frame.IsHardware);
        Assert.Same(first.Frame, second.Frame);
    }

    [Theory]
    [InlineData("yuv420p", false)]
    [InlineData("nv12", false)]
    [InlineData("yuv420p", true)]
    [InlineData("yuv422p", false)]
    public void Every_format_gets_there_and_back_with_its_picture(string format, bool fullRange)
    {
        using var up = _card.OpenScaler(new VideoFormat(160, 90, 30));
        using var down = Coding.Cpu.OpenScaler(new VideoFormat(160, 90, 30));
        using var source = new Owned(_pictures.Video(320, 180, Coding.JitteredTime(3), format: format, fullRange: fullRange, flat: 100));
        using var there = new Owned(up.Scale(source.Frame));
        using var back = new Owned(down.Scale(there.Frame));

        Assert.True(there.Frame.IsHardware);
        Assert.False(there.Frame.IsFullRange);
        Assert.False(back.Frame.IsHardware);
        Assert.Equal(Coding.JitteredTime(3), back.Frame.Pts);

        // Full range 100 is 16 + 100 * 219 / 255 in the limited range that encoders are told of.
        var expected = fullRange ? 102 : 100;
        Assert.All(TestPictures.Plane(back.Frame, 0, 160), luma => Assert.InRange(luma, expected - 2, expected + 2));
        Assert.All(TestPictures.Plane(back.Frame, 1, 80), chroma => Assert.InRange(chroma, 126, 130));
    }

    [Fact]
    public void A_frame_of_another_card_and_a_software_encoder_are_reached_through_main_memory()
    {
        SimulatedCards.Configure(("devices", 2));
        using var other = new NvidiaDevice(SimulatedMachine.Uuid(1));
        using var up = other.OpenScaler(new VideoFormat(320, 180, 30));
        using var source = new Owned(_pictures.Video(320, 180, Coding.JitteredTime(0), flat: 60));
        using var foreign = new Owned(up.Scale(source.Frame));
        using var across = _card.OpenScaler(new VideoFormat(160, 90, 30));
        using var here = new Owned(across.Scale(foreign.Frame));
        Assert.True(here.Frame.IsHardware);
        using var sameSize = _card.OpenScaler(new VideoFormat(320, 180, 30));
        using var moved = new Owned(sameSize.Scale(foreign.Frame));
        Assert.NotSame(foreign.Frame, moved.Frame);

        foreach (var device in (IDevice[])[_card, other, Coding.Cpu])
        {
            using var encoder = device.OpenVideoEncoder(Coding.Video(CodecId.H264));
            var packets = Coding.Encode(encoder, _pool, [(Shared(foreign.Frame), true)]);
            using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
            var frames = Coding.Decode(decoder, packets);
            Assert.All(TestPictures.Plane(Assert.Single(frames), 0, 320), luma => Assert.InRange(luma, 57, 63));
            Coding.Release(frames);
            Coding.Release(packets);
        }
    }

    [Fact]
    public void Without_b_frames_a_picture_comes_out_at_once()
    {
        using var encoder = _card.OpenVideoEncoder(Coding.Video(CodecId.H264));
        for (var i = 0; i < 5; i++)
        {
            using var frame = new Owned(_pictures.Video(320, 180, Coding.JitteredTime(i), i));
            encoder.Send(frame.Frame, i == 0);
            Assert.Equal(CodecStatus.Ok, encoder.Receive(out var unit));
            Assert.Equal(Coding.JitteredTime(i), unit.Pts);
        }
    }

    [Theory]
    [InlineData(10, "out of memory (10)")]
    [InlineData(21, "incompatible client key (21)")]
    public void The_session_after_the_last_is_refused_in_the_drivers_words_and_the_others_go_on(int error, string words)
    {
        SimulatedCards.Configure(("session_limit", 1), ("session_limit_error", error));
        using var encoder = _card.OpenVideoEncoder(Coding.Video(CodecId.H264));

        var refusal = Assert.Throws<CodecException>(() => _card.OpenVideoEncoder(Coding.Video(CodecId.H264)).Dispose());

        Assert.NotEqual(0, refusal.Error);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        var packets = Coding.Encode(encoder, _pool, [(_pictures.Video(320, 180, Coding.JitteredTime(0)), true)]);
        Coding.Release([Assert.Single(packets)]);
    }

    [Theory]
    [InlineData("encoder", "0", "unsupported device (2)")]
    [InlineData("codecs", "hevc", "Codec not supported")]
    [InlineData("fail_init", "8", "InitializeEncoder failed: invalid param (8)")]
    [InlineData("nvenc_version", "10.0", "Driver does not support the required nvenc API version")]
    [InlineData("lost", "1", "CUDA_ERROR")]
    public void A_refusal_says_why_even_where_FFmpeg_says_it_in_a_warning(string key, string value, string words)
    {
        SimulatedCards.Configure((key, value));

        var refusal = Assert.Throws<CodecException>(() => _card.OpenVideoEncoder(Coding.Video(CodecId.H264)).Dispose());

        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("@ 0x", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_that_was_lost_fails_its_session_and_serves_new_ones_when_it_is_back()
    {
        using var encoder = _card.OpenVideoEncoder(Coding.Video(CodecId.H264));
        using var frame = new Owned(_pictures.Video(320, 180, Coding.JitteredTime(0)));
        encoder.Send(frame.Frame, true);
        SimulatedCards.Configure(("gpu0.lost", 1));

        var failure = Assert.Throws<CodecException>(() =>
        {
            for (var i = 0; i < 5; i++)
            {
                encoder.Send(frame.Frame, false);
                encoder.Receive(out _);
            }
        });
        Assert.Contains("h264_nvenc", failure.Message, StringComparison.Ordinal);
        Assert.Throws<CodecException>(() => _card.OpenVideoEncoder(Coding.Video(CodecId.H264)).Dispose());

        SimulatedCards.Configure();
        using var again = _card.OpenVideoEncoder(Coding.Video(CodecId.H264));
        var packets = Coding.Encode(again, _pool, [(Shared(frame.Frame), true)]);
        Coding.Release([Assert.Single(packets)]);
    }

    [Fact]
    public void A_card_that_does_not_exist_is_said_to_be_missing()
    {
        using var missing = new NvidiaDevice("GPU-00000000-0000-0000-0000-000000000000");

        var refusal = Assert.Throws<CodecException>(() => missing.OpenScaler(new VideoFormat(320, 180, 30)).Dispose());

        Assert.Contains("is not there", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_decoder_that_the_card_has_not_is_refused_and_never_done_in_software()
    {
        using var source = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264));
        var packets = Coding.Encode(source, _pool, [(_pictures.Video(320, 180, Coding.JitteredTime(0)), true)]);

        // The simulation has no NVDEC.
        Assert.Throws<CodecException>(() =>
        {
            using var decoder = _card.OpenDecoder(source.Track);
            Coding.Release(Coding.Decode(decoder, packets));
        });
        Coding.Release(packets);
    }

    private static LibavFrame Shared(LibavFrame frame)
    {
        frame.AddReference();
        return frame;
    }

    private sealed class Owned(Frame frame) : IDisposable
    {
        public LibavFrame Frame { get; } = (LibavFrame)frame;

        public void Dispose() => Frame.Release();
    }

    internal static bool HasIdr(CodecId codec, ReadOnlySpan<byte> payload)
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
