using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// swscale to one size in limited-range 8-bit 4:2:0. Follows changes of the input by itself; a device's frame is brought to main memory first.
/// </summary>
/// <param name="format">"yuv420p" is what every software encoder here takes, "nv12" what devices take up.</param>
internal sealed class LibavScaler : IScaler
{
    // SWS_BICUBIC: sharper than bilinear at nearly its cost when scaling down, where the encoder's time dominates.
    private const int Bicubic = 4;

    private readonly ScalerHandle _scaler = new();
    private readonly LibavFramePool _frames = new();

    public LibavScaler(VideoFormat target, string format = "yuv420p")
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ThrowIfFailed(
            Shim.ScalerOpen(target.Width, target.Height, format, Bicubic, out var opened),
            $"No scaler to {target.Width}x{target.Height}");
        _scaler.Adopt(opened);
    }

    public Frame Scale(Frame frame)
    {
        var source = (LibavFrame)frame;
        if (!source.IsHardware)
        {
            return ScaleInMemory(source);
        }

        var downloaded = Download(source);
        try
        {
            return ScaleInMemory(downloaded);
        }
        finally
        {
            downloaded.Release();
        }
    }

    public void Dispose()
    {
        _scaler.Dispose();
        _frames.Dispose();
    }

    private LibavFrame Download(LibavFrame source)
    {
        var target = _frames.Rent();
        ShimLibrary.ForgetLog();
        var status = Shim.FrameDownload(source.Handle, target.Handle, out var facts);
        if (status < 0)
        {
            target.Release();
            throw ShimLibrary.Failure(status, "A frame could not be read from its device");
        }

        target.Describe(facts, source.Pts);
        return target;
    }

    private LibavFrame ScaleInMemory(LibavFrame source)
    {
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
}
