using Transcoder.Streams;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class StreamMeterTests
{
    [Fact]
    public void Rates_are_those_of_the_last_seconds_and_totals_those_of_the_whole_stream()
    {
        using var pool = new TrackingBufferPool();
        var meter = new StreamMeter();
        Assert.Equal(default, meter.Measure());
        for (var frame = 0; frame < 500; frame++)
        {
            var packet = frame < 250 ? pool.Video(frame * 40, keyframe: frame % 50 == 0, size: 5000) : pool.Video(frame * 40, keyframe: frame % 25 == 0, size: 1000);
            meter.Count(packet);
            packet.Release();
        }

        var measured = meter.Measure();
        Assert.InRange(measured.FrameRate, 24.5, 26);
        Assert.InRange(measured.Bitrate, 195_000, 208_000);
        Assert.Equal(1, measured.KeyframeInterval);
        Assert.Equal((500, 0, 1_500_000), (meter.VideoPackets, meter.AudioPackets, meter.TotalBytes));
        Assert.Equal(15, meter.Keyframes);
    }
}
