using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Codecs.Libav;
using Transcoder.FunctionalTests.Codecs;
using Transcoder.Media.Buffers;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>FFmpeg's own VA-API code on a simulated device.</summary>
public sealed class VaapiDeviceTests : IDisposable
{
    private readonly MediaBufferPool _pool = new();
    private readonly TestPictures _pictures = new();
    private readonly VaapiDevice? _device;

    public VaapiDeviceTests()
    {
        Assert.SkipWhen(Directory.Exists("/dev/dri"), "libva here is that of a real device");
        SimulatedCards.Configure();
        _device = new VaapiDevice(SimulatedMachine.VaAddress(0), new RenderNode(SimulatedCards.RenderNode, SimulatedMachine.VaAddress(0), 0, "simgpu"));
    }

    private VaapiDevice Device => _device!;

    public void Dispose()
    {
        _device?.Dispose();
        _pictures.Dispose();
    }

    [Fact]
    public void Frames_from_main_memory_come_back_with_their_times_and_forced_idrs()
    {
        using var encoder = Device.OpenVideoEncoder(Coding.Video(CodecId.H264));
        var packets = Coding.Encode(encoder, _pool, Enumerable.Range(0, 40).Select(i => (_pictures.Video(320, 180, Coding.JitteredTime(i), i), i is 0 or 13 or 26)));

        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), packets.Select(p => p.Pts));
        Assert.Equal(new[] { 0, 13, 26 }.Select(i => Coding.JitteredTime(i)), packets.Where(p => p.IsKeyframe).Select(p => p.Pts));
        Assert.All(packets, p => Assert.Equal(p.IsKeyframe, NvidiaDeviceTests.HasIdr(CodecId.H264, p.Payload.Span)));

        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => Coding.JitteredTime(i)), frames.Select(f => f.Pts));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Fact]
    public void A_ladder_of_scalers_stays_on_the_device_and_its_pictures_are_right()
    {
        using var toMiddle = Device.OpenScaler(new VideoFormat(640, 360, 30));
        using var toSmall = Device.OpenScaler(new VideoFormat(320, 180, 30));
        using var encoder = Device.OpenVideoEncoder(Coding.Video(CodecId.H264, bitrate: 3_000_000));
        using var down = Coding.Cpu.OpenScaler(new VideoFormat(320, 180, 30));
        var source = _pictures.Video(1280, 720, Coding.JitteredTime(0), flat: 77);
        var middle = (LibavFrame)toMiddle.Scale(source);
        var small = (LibavFrame)toSmall.Scale(middle);
        var back = (LibavFrame)down.Scale(small);

        Assert.True(middle.IsHardware && small.IsHardware);
        Assert.All(TestPictures.Plane(back, 0, 320), luma => Assert.InRange(luma, 74, 80));
        Coding.Release([source, middle, back]);
        var packets = Coding.Encode(encoder, _pool, [(small, true)]);
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var frames = Coding.Decode(decoder, packets);
        Assert.All(TestPictures.Plane(Assert.Single(frames), 0, 320), luma => Assert.InRange(luma, 74, 80));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Fact]
    public void A_picture_comes_out_at_once()
    {
        using var encoder = Device.OpenVideoEncoder(Coding.Video(CodecId.H264));
        for (var i = 0; i < 5; i++)
        {
            var frame = _pictures.Video(320, 180, Coding.JitteredTime(i), i);
            encoder.Send(frame, i == 0);
            frame.Release();
            Assert.Equal(CodecStatus.Ok, encoder.Receive(out var unit));
            Assert.Equal(Coding.JitteredTime(i), unit.Pts);
        }
    }

    [Theory]
    [InlineData("va0.fail_open", 24, "Failed to create encode pipeline context: 24")]
    [InlineData("va0.encoder", 0, "Failed to query entrypoints")]
    public void A_refusal_says_why(string key, int value, string words)
    {
        SimulatedCards.Configure((key, value));

        var refusal = Assert.Throws<CodecException>(() => Device.OpenVideoEncoder(Coding.Video(CodecId.H264)).Dispose());

        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }
}
