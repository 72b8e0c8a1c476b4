using Transcoder.Codecs.Libav;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Cpu;

/// <summary>Software everything, through FFmpeg.</summary>
internal sealed class CpuDevice : IDevice
{
    // Above this many luma samples (1080p with its padding) one core may not keep up with a picture after another.
    private const int LargestForOneThread = 1920 * 1088;

    public string Id => "cpu";

    public string Kind => "software";

    public string Name { get; } = $"{Environment.ProcessorCount} CPU cores";

    public IDecoder OpenDecoder(Track track) => new LibavDecoder(track, track.Codec == CodecId.Av1 ? DecoderFor(track.Codec) : null, DecoderOptions(track));

    /// <summary>FFmpeg's name; for AV1 its own decoder, which needs hardware, is not the one.</summary>
    public static string DecoderFor(CodecId codec) => codec == CodecId.Av1 ? "libdav1d" : codec.Name();

    public IScaler OpenScaler(VideoFormat target) => new LibavScaler(target);

    public IVideoEncoder OpenVideoEncoder(VideoEncoderSettings settings)
    {
        var row = CpuEncoders.Video.FirstOrDefault(r => r.Codec == settings.Codec)
            ?? throw new CodecException($"There is no software encoder for {settings.Codec.Name()}");
        var options = row.Options(settings);
        return row.RestartsAtKeyframes ? new RestartingVideoEncoder(Open) : Open();

        LibavVideoEncoder Open() => new(row.Name, "yuv420p", settings, options);
    }

    public IAudioResampler OpenAudioResampler(AudioFormat target) => new LibavAudioResampler(target, "fltp");

    public IAudioEncoder OpenAudioEncoder(AudioEncoderSettings settings)
    {
        var row = CpuEncoders.Audio.FirstOrDefault(r => r.Codec == settings.Codec)
            ?? throw new CodecException($"There is no software encoder for {settings.Codec.Name()}");
        return new LibavAudioEncoder(row.Name, row.SampleFormat, settings, row.Options(settings));
    }

    /// <summary>
    /// Every frame thread holds a picture back, and one core decodes 1080p60 several times over: so slices alone are shared up to that
    /// size, and two frame threads (one picture of delay) beyond it. dav1d's "low delay" hands each picture out at once.
    /// </summary>
    private static string DecoderOptions(Track track)
    {
        if (track.Kind != TrackKind.Video)
        {
            return "";
        }

        var threads = Math.Min(4, Environment.ProcessorCount);
        if (track.Codec == CodecId.Av1)
        {
            return $"threads={threads}\nflags=+low_delay";
        }

        return track.Video.Width * track.Video.Height > LargestForOneThread ? "threads=2\nthread_type=frame" : $"threads={threads}\nthread_type=slice";
    }
}
