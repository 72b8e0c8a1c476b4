using Transcoder.Codecs.Libav;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class ScalerTests
{
    [Theory]
    [InlineData("yuvj420p", 320, 180)]
    [InlineData("yuv420p", 320, 180)]
    [InlineData("yuvj420p", 640, 360)]
    [InlineData("yuv422p", 640, 360)]
    public void Full_range_becomes_limited_range(string format, int width, int height)
    {
        using var pictures = new TestPictures();
        using var scaler = Coding.Cpu.OpenScaler(new VideoFormat(320, 180, 30));
        foreach (var (full, limited) in new[] { (0, 16), (255, 235), (128, 126) })
        {
            var frame = pictures.Video(width, height, Coding.JitteredTime(1), format: format, fullRange: true, flat: (byte)full);
            var scaled = (LibavFrame)scaler.Scale(frame);
            Assert.NotSame(frame, scaled);
            Assert.False(scaled.IsFullRange);
            Assert.All(TestPictures.Plane(scaled, 0, 320), luma => Assert.InRange(luma, limited - 1, limited + 1));
            Assert.All(TestPictures.Plane(scaled, 1, 160), chroma => Assert.InRange(chroma, 127, 129));
            scaled.Release();
            frame.Release();
        }
    }

    [Theory]
    [InlineData(853, 479, "yuv420p")]
    [InlineData(1919, 1079, "yuv420p")]
    [InlineData(64, 48, "yuv444p")]
    [InlineData(640, 360, "yuv420p10le")]
    [InlineData(322, 182, "rgb24")]
    public void Any_size_and_format_comes_out_as_asked(int width, int height, string format)
    {
        using var pictures = new TestPictures();
        using var scaler = Coding.Cpu.OpenScaler(new VideoFormat(426, 240, 30));
        var frame = pictures.Video(width, height, Coding.JitteredTime(4), format: format);
        var scaled = scaler.Scale(frame);
        Assert.Equal((426, 240, Coding.JitteredTime(4)), (scaled.Width, scaled.Height, scaled.Pts));
        scaled.Release();
        frame.Release();
    }

    [Fact]
    public void The_input_may_change_between_frames_and_a_fitting_frame_is_passed_on()
    {
        using var pictures = new TestPictures();
        using var scaler = Coding.Cpu.OpenScaler(new VideoFormat(320, 180, 30));
        foreach (var (width, height) in new[] { (640, 360), (320, 180), (1280, 720), (640, 360) })
        {
            var frame = pictures.Video(width, height, Coding.JitteredTime(2), flat: 100);
            var scaled = (LibavFrame)scaler.Scale(frame);
            Assert.Equal(width == 320, ReferenceEquals(frame, scaled));
            Assert.Equal((320, 180), (scaled.Width, scaled.Height));
            Assert.All(TestPictures.Plane(scaled, 0, 320), luma => Assert.InRange(luma, 99, 101));
            frame.Release();
            Assert.False(scaled.IsReleased);
            scaled.Release();
        }
    }

    [Fact]
    public void Steady_state_makes_no_garbage()
    {
        using var pictures = new TestPictures();
        using var scaler = Coding.Cpu.OpenScaler(new VideoFormat(320, 180, 30));
        var frame = pictures.Video(640, 360, Coding.JitteredTime(2));
        Scale(20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Scale(200);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        frame.Release();

        // A segment of the shell queue now and then.
        Assert.InRange(allocated, 0, 200 * 64);

        void Scale(int times)
        {
            for (var i = 0; i < times; i++)
            {
                scaler.Scale(frame).Release();
            }
        }
    }
}
