using Transcoder.Codecs.Libav;
using Transcoder.Codecs.Native;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices;

/// <summary>
/// One card over one interface. Its driver is loaded when something is first opened on it, and connected anew after the card was lost: what was opened
/// before keeps the old connection. Thread safe; its children are used by one thread each.
/// </summary>
internal abstract class HardwareDevice(DeviceRef place) : IDevice, IDisposable
{
    private readonly Lock _gate = new();
    private DeviceHandle? _handle;

    public DeviceRef Place { get; } = place;

    public string Id => Place.Id;

    public string Kind => Place.Kind;

    public string Name { get; protected set; } = place.ToString();

    /// <summary>The encoders that are reached over this interface.</summary>
    public abstract IReadOnlyList<VideoEncoderRow> Encoders { get; }

    /// <summary>Pixel formats, with commas, that the device takes up and its scaler reads.</summary>
    public abstract string Uploads { get; }

    /// <summary>libavfilter's name of the scaler.</summary>
    public abstract string Scaler { get; }

    /// <summary>FFmpeg's decoder for the codec, or null where this interface has none.</summary>
    public abstract string? DecoderFor(CodecId codec);

    public IDecoder OpenDecoder(Track track)
    {
        var name = track.Kind == TrackKind.Video ? DecoderFor(track.Codec) : null;
        return name is null ? throw new CodecException($"{Place} has no decoder for {track.Codec.Name()}", CodecException.NotSupported) : new LibavDecoder(track, name, "threads=1", this);
    }

    public IScaler OpenScaler(VideoFormat target) => new DeviceScaler(this, target, ScaleFilter(target), Uploads);

    public IVideoEncoder OpenVideoEncoder(VideoEncoderSettings settings)
    {
        var row = Encoders.FirstOrDefault(r => r.Codec == settings.Codec && r.IsInstalled)
            ?? throw new CodecException($"{Place} has no encoder for {settings.Codec.Name()} in the installed FFmpeg");
        var options = row.Options(settings);
        return row.RestartsAtKeyframes ? new RestartingVideoEncoder(Open) : Open();

        LibavVideoEncoder Open() => new(row.Name, row.PixelFormat, settings, options, this);
    }

    public IAudioResampler OpenAudioResampler(AudioFormat target) => throw new CodecException($"{Place} does no sound");

    public IAudioEncoder OpenAudioEncoder(AudioEncoderSettings settings) => throw new CodecException($"{Place} does no sound");

    /// <summary>The connection to the driver, made now if there is none.</summary>
    /// <exception cref="CodecException">The driver refuses, or the device is not there.</exception>
    public DeviceHandle Connect()
    {
        ShimLibrary.EnsureLoaded();
        lock (_gate)
        {
            if (_handle is null)
            {
                ShimLibrary.ForgetLog();
                var opened = new DeviceHandle();
                opened.Adopt(Open());
                _handle = opened;
            }

            return _handle;
        }
    }

    /// <summary>The exception for a call that failed. A connection that does not answer any more is given up, so that a device that comes back works again.</summary>
    public CodecException Failure(int status, string what)
    {
        var failure = ShimLibrary.Failure(status, what);
        lock (_gate)
        {
            if (_handle is not null && Shim.DeviceCheck(_handle) < 0)
            {
                // Not disposed: another thread may be about to use it. Its finalizer closes it.
                _handle = null;
            }
        }

        ShimLibrary.ForgetLog();
        return failure;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _handle?.Dispose();
            _handle = null;
        }
    }

    /// <summary>Opens the device; the log of the calling thread explains a failure.</summary>
    protected abstract nint Open();

    protected abstract string ScaleFilter(VideoFormat target);
}
