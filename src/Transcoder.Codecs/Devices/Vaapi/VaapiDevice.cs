using Transcoder.Codecs.Native;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Vaapi;

/// <summary>An Intel or AMD GPU over VA-API, named by its PCI address.</summary>
/// <param name="known">The node, where the caller has found it.</param>
internal sealed class VaapiDevice(string id, RenderNode? known = null) : HardwareDevice(new DeviceRef(id, InterfaceKind))
{
    public const string InterfaceKind = "vaapi";

    public override IReadOnlyList<VideoEncoderRow> Encoders => (known ?? RenderNode.Find(Id))?.Vendor == SystemTree.Amd ? VaapiEncoders.Amd : VaapiEncoders.Intel;

    public override string Uploads => "nv12";

    public override string Scaler => "scale_vaapi";

    public override string? DecoderFor(CodecId codec) => codec switch
    {
        CodecId.H264 or CodecId.Hevc or CodecId.Av1 or CodecId.Vp9 or CodecId.Vp8 or CodecId.Mpeg2Video => codec.Name(),
        _ => null,
    };

    protected override nint Open()
    {
        var node = known ?? RenderNode.Find(Id) ?? throw new CodecException($"{Place} is not there: no render node has this address");
        Name = node.Name;
        ShimLibrary.ThrowIfFailed(Shim.DeviceOpen("vaapi", node.Path, "", out var opened), $"{Place} did not open");
        return opened;
    }

    protected override string ScaleFilter(VideoFormat target) => FormattableString.Invariant($"scale_vaapi=w={target.Width}:h={target.Height}:format=nv12");
}
