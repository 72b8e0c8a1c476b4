using Transcoder.Codecs.Native;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>One libavcodec video encoder, told what to do by an <see cref="EncoderOptions"/> text. Counts frames; <see cref="SourceTimes"/> knows their times.</summary>
internal sealed unsafe class LibavVideoEncoder : IVideoEncoder
{
    private readonly EncoderHandle _encoder = new();
    private readonly CodedForm _form;
    private readonly SourceTimes _times;
    private readonly string _name;

    public LibavVideoEncoder(string name, string format, VideoEncoderSettings settings, EncoderOptions options)
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ForgetLog();
        _name = name;
        Description = $"{name} {options}";
        var rate = FrameRate.From(settings.FrameRate);
        var sar = FrameRate.Ratio(settings.SampleAspectRatio);
        var opening = new EncoderOpening
        {
            Width = settings.Width,
            Height = settings.Height,
            TimeBaseNum = rate.Denominator,
            TimeBaseDen = rate.Numerator,
            FrameRateNum = rate.Numerator,
            FrameRateDen = rate.Denominator,
            SarNum = sar.Numerator,
            SarDen = sar.Denominator,
            Primaries = Stated(settings.Color.Primaries),
            Transfer = Stated(settings.Color.Transfer),
            Matrix = Stated(settings.Color.Matrix),
        };
        ShimLibrary.ThrowIfFailed(
            Shim.EncoderOpen(name, format, opening, options.Text, out var opened),
            $"{name} did not open for {settings.Width}x{settings.Height}");
        _encoder.Adopt(opened);
        _times = new SourceTimes(new MediaTime(1_000_000_000L * rate.Denominator / rate.Numerator));
        ShimLibrary.ThrowIfFailed(Shim.EncoderRead(_encoder, out var facts), name);
        var extradata = new ReadOnlySpan<byte>(facts.Extradata, facts.ExtradataSize);
        var video = new VideoFormat(settings.Width, settings.Height, settings.FrameRate);
        _form = new CodedForm(settings.Codec);
        Track = new Track(TrackKind.Video, settings.Codec, CodedForm.Configuration(settings.Codec, extradata, video), video);
    }

    public Track Track { get; }

    public string Description { get; }

    public void Send(Frame? frame, bool forceKeyframe)
    {
        if (frame is null)
        {
            var drained = Shim.EncoderDrain(_encoder, 0, 0, 0);
            if (drained != Shim.EndOfFile)
            {
                ShimLibrary.ThrowIfFailed(drained, $"{_name} failed");
            }

            return;
        }

        var status = Shim.EncoderSend(_encoder, ((LibavFrame)frame).Handle, _times.Count, forceKeyframe ? 1 : 0);
        ShimLibrary.ThrowIfFailed(status, $"{_name} failed");
        _times.Add(frame.Pts);
    }

    public CodecStatus Receive(out EncodedUnit unit)
    {
        unit = default;
        var status = Shim.EncoderReceive(_encoder, out var coded);
        if (status is Shim.Again or Shim.EndOfFile)
        {
            return status == Shim.Again ? CodecStatus.NeedMoreInput : CodecStatus.EndOfStream;
        }

        ShimLibrary.ThrowIfFailed(status, $"{_name} failed");
        unit = new EncodedUnit(
            _form.Convert(new ReadOnlySpan<byte>(coded.Data, coded.Size)),
            coded.Dts == Shim.NoTime ? _times.At(coded.Pts) : _times.At(coded.Dts),
            _times.At(coded.Pts),
            (coded.Flags & Shim.UnitKey) != 0,
            (coded.Flags & Shim.UnitDisposable) != 0);
        return CodecStatus.Ok;
    }

    public void Dispose() => _encoder.Dispose();

    // ITU-T H.273: 2 is "unspecified"; matrix 0 would claim RGB.
    private static int Stated(byte codePoint) => codePoint == 0 ? 2 : codePoint;
}
