using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// To one size on one device. The cheapest way there is taken: a frame that is there already stays; one in main memory is taken up in its own format and
/// scaled there; what the device can't take as it is (another device's frame, full range, 4:2:2) is converted in main memory first.
/// </summary>
internal sealed class DeviceScaler : IScaler
{
    private const string Format = "nv12";

    private readonly DeviceScalerHandle _scaler = new();
    private readonly LibavFramePool _frames = new();
    private readonly HardwareDevice _device;
    private readonly VideoFormat _target;
    private readonly bool _scales;
    private LibavScaler? _converter;
    private (int Width, int Height) _converted;

    /// <param name="filter">libavfilter's text; empty: the device only takes up.</param>
    /// <param name="uploads">Pixel formats that it takes up as they are, with commas.</param>
    public DeviceScaler(HardwareDevice device, VideoFormat target, string filter, string uploads)
    {
        _device = device;
        _target = target;
        _scales = filter.Length > 0;
        var handle = device.Connect();
        ShimLibrary.ThrowIfFailed(
            Shim.DeviceScalerOpen(handle, target.Width, target.Height, Format, filter, uploads, out var opened),
            $"No scaler to {target.Width}x{target.Height} on {device.Id}");
        _scaler.Adopt(opened);
    }

    public Frame Scale(Frame frame)
    {
        var source = (LibavFrame)frame;
        var target = _frames.Rent();
        ShimLibrary.ForgetLog();
        var status = Shim.DeviceScalerScale(_scaler, source.Handle, target.Handle, out var facts);
        if (status == Shim.Foreign)
        {
            var converted = Convert(source);
            status = Shim.DeviceScalerScale(_scaler, converted.Handle, target.Handle, out facts);
            converted.Release();
        }

        switch (status)
        {
            case Shim.Ok:
                target.Describe(facts, source.Pts);
                return target;
            case Shim.Unchanged:
                target.Release();
                source.AddReference();
                return source;
            default:
                target.Release();
                throw _device.Failure(status, $"Scaling {source.Width}x{source.Height} to {_target.Width}x{_target.Height} on {_device.Id} failed");
        }
    }

    public void Dispose()
    {
        _scaler.Dispose();
        _converter?.Dispose();
        _frames.Dispose();
    }

    private LibavFrame Convert(LibavFrame source)
    {
        var size = _scales ? (source.Width, source.Height) : (_target.Width, _target.Height);
        if (_converter is null || _converted != size)
        {
            _converter?.Dispose();
            _converter = new LibavScaler(new VideoFormat(size.Item1, size.Item2, _target.FrameRate), Format);
            _converted = size;
        }

        return (LibavFrame)_converter.Scale(source);
    }
}
