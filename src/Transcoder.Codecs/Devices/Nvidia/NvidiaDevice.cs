using Transcoder.Codecs.Native;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Nvidia;

/// <summary>
/// An NVIDIA card: NVDEC through FFmpeg's own decoders (they keep captions, which the _cuvid ones lose), scale_cuda, NVENC. Frames are CUDA memory of one
/// context per process.
/// </summary>
internal sealed class NvidiaDevice(string id) : HardwareDevice(new DeviceRef(id, InterfaceKind))
{
    public const string InterfaceKind = "nvenc";

    public override IReadOnlyList<VideoEncoderRow> Encoders => NvidiaEncoders.Video;

    public override string Uploads => "nv12,yuv420p";

    public override string Scaler => "scale_cuda";

    public override string? DecoderFor(CodecId codec) => codec switch
    {
        CodecId.H264 or CodecId.Hevc or CodecId.Av1 or CodecId.Vp9 or CodecId.Vp8 or CodecId.Mpeg2Video => codec.Name(),
        _ => null,
    };

    protected override nint Open()
    {
        // CUDA numbers the cards anew in every container: the number is looked up each time.
        var card = CudaDriver.Load().Cards().FirstOrDefault(c => c.Id == Id)
            ?? throw new CodecException($"{Place} is not there: CUDA does not list it");
        Name = card.Name;
        ShimLibrary.ThrowIfFailed(Shim.DeviceOpen("cuda", FormattableString.Invariant($"{card.Index}"), "", out var opened), $"{Place} did not open");
        return opened;
    }

    protected override string ScaleFilter(VideoFormat target) => FormattableString.Invariant($"scale_cuda=w={target.Width}:h={target.Height}:format=nv12");
}
