using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>swscale to one size in limited-range 8-bit 4:2:0, what every software encoder here takes. Follows changes of the input by itself.</summary>
internal sealed class LibavScaler : IScaler
{
    // SWS_BICUBIC: sharper than bilinear at nearly its cost when scaling down, where the encoder's time dominates.
    private const int Bicubic = 4;

    private readonly ScalerHandle _scaler = new();
    private readonly LibavFramePool _frames = new();

    public LibavScaler(VideoFormat target)
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ThrowIfFailed(
            Shim.ScalerOpen(target.Width, target.Height, "yuv420p", Bicubic, out var opened),
            $"No scaler to {target.Width}x{target.Height}");
        _scaler.Adopt(opened);
    }

    public Frame Scale(Frame frame)
    {
        var source = (LibavFrame)frame;
        var target = _frames.Rent();
        var status = Shim.ScalerScale(_scaler, source.Handle, target.Handle, out var facts);
        if (status == Shim.Ok)
        {
            target.Describe(facts, source.Pts);
            return target;
        }

        target.Release();
        ShimLibrary.ThrowIfFailed(status, $"Scaling {source.Width}x{source.Height} failed");
        source.AddReference();
        return source;
    }

    public void Dispose()
    {
        _scaler.Dispose();
        _frames.Dispose();
    }
}
