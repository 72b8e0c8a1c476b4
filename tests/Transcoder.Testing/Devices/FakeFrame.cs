using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Testing.Devices;

/// <summary>A picture or a run of numbered samples; its device counts the ones alive.</summary>
public sealed class FakeFrame : Frame
{
    private readonly FakeDevice _device;

    private readonly bool _decoded;

    public FakeFrame(FakeDevice device, MediaTime pts, int width, int height, double sampleAspectRatio = 1, bool decoded = false)
        : this(device, pts)
    {
        _decoded = decoded;
        device.CountDecoded(decoded ? 1 : 0);
        Width = width;
        Height = height;
        SampleAspectRatio = sampleAspectRatio;
    }

    public FakeFrame(FakeDevice device, MediaTime pts, long[] values, int rate, int channels)
        : this(device, pts)
    {
        Values = values;
        Samples = values.Length;
        SampleRate = rate;
        Channels = channels;
    }

    private FakeFrame(FakeDevice device, MediaTime pts)
    {
        _device = device;
        Pts = pts;
        device.FrameMade();
    }

    /// <summary>Where the picture is.</summary>
    public FakeDevice Device => _device;

    /// <summary>Each sample's number in the source; -1 for silence.</summary>
    public long[] Values { get; } = [];

    protected override void OnReleased()
    {
        _device.CountDecoded(_decoded ? -1 : 0);
        _device.FrameReleased();
    }
}
