using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Native;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// One libavcodec video encoder, told what to do by an <see cref="EncoderOptions"/> text. Counts frames; <see cref="SourceTimes"/> knows their times.
/// Takes any frame of its size: its device's own as they are, others by way of main memory.
/// </summary>
internal sealed unsafe class LibavVideoEncoder : IVideoEncoder
{
    private readonly CodedForm _form;
    private readonly SourceTimes _times;
    private readonly string _name;
    private readonly string _format;
    private readonly HardwareDevice? _device;
    private readonly VideoFormat _video;
    private readonly EncoderOpening _opening;
    private readonly string _options;
    private EncoderHandle _encoder;
    private LibavScaler? _converter;

    /// <param name="format">Of frames in main memory.</param>
    /// <param name="device">Null: software.</param>
    public LibavVideoEncoder(string name, string format, VideoEncoderSettings settings, EncoderOptions options, HardwareDevice? device = null)
    {
        ShimLibrary.EnsureLoaded();
        _name = name;
        _format = format;
        _device = device;
        _options = options.Text;
        Description = $"{name} {options}";
        var rate = FrameRate.From(settings.FrameRate);
        var sar = FrameRate.Ratio(settings.SampleAspectRatio);
        _opening = new EncoderOpening
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
        _times = new SourceTimes(new MediaTime(1_000_000_000L * rate.Denominator / rate.Numerator));
        _video = new VideoFormat(settings.Width, settings.Height, settings.FrameRate);
        _form = new CodedForm(settings.Codec);
        _encoder = Open(FrameHandle.None);
        try
        {
            Track = new Track(TrackKind.Video, settings.Codec, CodedForm.Configuration(settings.Codec, Extradata(), _video), _video);
            if (Track.Config.IsEmpty)
            {
                throw new CodecException($"{name} gives no parameter sets at opening: its driver writes them into the stream only, where no player of this server would find them");
            }
        }
        catch
        {
            _encoder.Dispose();
            throw;
        }
    }

    public Track Track { get; }

    public string Description { get; }

    public void Send(Frame? frame, bool forceKeyframe)
    {
        ShimLibrary.ForgetLog();
        if (frame is null)
        {
            var drained = Shim.EncoderDrain(_encoder, 0, 0, 0);
            if (drained < 0 && drained != Shim.EndOfFile)
            {
                throw Failure(drained, $"{_name} failed");
            }

            return;
        }

        var taken = Taken((LibavFrame)frame);
        var status = Shim.EncoderSend(_encoder, taken.Handle, _times.Count, forceKeyframe ? 1 : 0);
        if (taken != frame)
        {
            taken.Release();
        }

        if (status < 0)
        {
            throw Failure(status, $"{_name} failed");
        }

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

        if (status < 0)
        {
            throw Failure(status, $"{_name} failed");
        }

        unit = new EncodedUnit(
            _form.Convert(new ReadOnlySpan<byte>(coded.Data, coded.Size)),
            coded.Dts == Shim.NoTime ? _times.At(coded.Pts) : _times.At(coded.Dts),
            _times.At(coded.Pts),
            (coded.Flags & Shim.UnitKey) != 0,
            (coded.Flags & Shim.UnitDisposable) != 0);
        return CodecStatus.Ok;
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _converter?.Dispose();
    }

    private EncoderHandle Open(FrameHandle poolOf)
    {
        ShimLibrary.ForgetLog();
        var device = _device is null ? DeviceHandle.None : _device.Connect();
        var status = Shim.EncoderOpen(_name, _format, _opening, _options, device, poolOf, out var opened);
        if (status < 0)
        {
            throw Failure(status, $"{_name} did not open for {_opening.Width}x{_opening.Height}{(_device is null ? "" : $" on {_device.Id}")}");
        }

        var encoder = new EncoderHandle();
        encoder.Adopt(opened);
        return encoder;
    }

    private ReadOnlySpan<byte> Extradata()
    {
        ShimLibrary.ThrowIfFailed(Shim.EncoderRead(_encoder, out var facts), _name);
        return new ReadOnlySpan<byte>(facts.Extradata, facts.ExtradataSize);
    }

    /// <summary>The frame itself, or one made of it, which is the caller's to release.</summary>
    private LibavFrame Taken(LibavFrame frame)
    {
        var takes = Shim.EncoderTakes(_encoder, frame.Handle);
        if (takes == Shim.Foreign && _times.Count == 0)
        {
            // Quick Sync encodes from one pool only: now that the scaler's is known, the session is opened with it.
            var another = Open(frame.Handle);
            _encoder.Dispose();
            _encoder = another;
            takes = Shim.EncoderTakes(_encoder, frame.Handle);
        }

        // Of another size: a mistake of the caller's, which the encoder names.
        if (takes == 1 || frame.Width != _opening.Width || frame.Height != _opening.Height)
        {
            return frame;
        }

        _converter ??= new LibavScaler(_video, _format);
        return (LibavFrame)_converter.Scale(frame);
    }

    private CodecException Failure(int status, string what) => _device?.Failure(status, what) ?? ShimLibrary.Failure(status, what);

    // ITU-T H.273: 2 is "unspecified"; matrix 0 would claim RGB.
    private static int Stated(byte codePoint) => codePoint == 0 ? 2 : codePoint;
}
