using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Codecs.Libav;

/// <summary>A frame in main memory or on a device: a shell around an AVFrame, pooled so that steady state makes no garbage.</summary>
internal sealed class LibavFrame : Frame
{
    private readonly LibavFramePool _pool;

    public LibavFrame(LibavFramePool pool)
    {
        _pool = pool;
        var opened = Shim.FrameAlloc();
        if (opened == 0)
        {
            throw new OutOfMemoryException("FFmpeg could not allocate a frame.");
        }

        Handle.Adopt(opened);
    }

    public FrameHandle Handle { get; } = new();

    public bool IsFullRange { get; private set; }

    public bool IsCorrupt { get; private set; }

    /// <summary>The pixels are a device's.</summary>
    public bool IsHardware { get; private set; }

    public void Describe(in FrameFacts facts, MediaTime pts)
    {
        Pts = pts;
        Width = facts.Width;
        Height = facts.Height;
        SampleAspectRatio = facts.SarNum > 0 && facts.SarDen > 0 ? facts.SarNum / (double)facts.SarDen : 1;
        Samples = facts.Samples;
        SampleRate = facts.SampleRate;
        Channels = facts.Channels;
        IsFullRange = facts.FullRange != 0;
        IsCorrupt = facts.Corrupt != 0;
        IsHardware = facts.Hardware != 0;
        Color = new ColorDescription((byte)facts.Primaries, (byte)facts.Transfer, (byte)facts.Matrix);
    }

    public void BeginLife() => Revive();

    protected override void OnReleased() => _pool.TakeBack(this);
}
