using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Codecs.Native;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Qsv;

/// <summary>An Intel GPU over Quick Sync (libmfx, oneVPL), named by its PCI address.</summary>
internal sealed class QsvDevice(string id) : HardwareDevice(new DeviceRef(id, InterfaceKind))
{
    public const string InterfaceKind = "qsv";

    public override IReadOnlyList<VideoEncoderRow> Encoders => QsvEncoders.Video;

    public override string Uploads => "nv12";

    public override string Scaler => "vpp_qsv";

    public override string? DecoderFor(CodecId codec) => codec switch
    {
        CodecId.H264 or CodecId.Hevc or CodecId.Av1 or CodecId.Vp9 or CodecId.Vp8 => $"{codec.Name()}_qsv",
        CodecId.Mpeg2Video => "mpeg2_qsv",
        _ => null,
    };

    protected override nint Open()
    {
        var node = RenderNode.Find(Id) ?? throw new CodecException($"{Place} is not there: no render node has this address");
        Name = node.Name;
        ShimLibrary.ThrowIfFailed(Shim.DeviceOpen("qsv", "hw_any", $"child_device={node.Path}", out var opened), $"{Place} did not open");
        return opened;
    }

    protected override string ScaleFilter(VideoFormat target) =>
        FormattableString.Invariant($"vpp_qsv=w={target.Width}:h={target.Height}:format=nv12:async_depth=1");
}
