using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Devices;

/// <summary>A device without codecs: packets carry times and numbers, and tests can make it fail or hang at any step.</summary>
public sealed class FakeDevice(string kind = "software", string id = "cpu") : IDevice
{
    private int _frames;
    private int _open;
    private int _decoded;

    public string Id => id;

    public string Kind => kind;

    public string Name => $"fake {kind}";

    /// <summary>Frames that somebody owns.</summary>
    public int LiveFrames => Volatile.Read(ref _frames);

    /// <summary>Codecs that somebody has not disposed.</summary>
    public int OpenCodecs => Volatile.Read(ref _open);

    /// <summary>Frames the video decoder holds back to put them in order.</summary>
    public int ReorderDepth { get; init; } = 2;

    public int AudioFrameSize { get; init; } = 1024;

    public int InitialPadding { get; init; } = 1024;

    /// <summary>Frames that the decoder has, and those of them that somebody holds.</summary>
    public int DecoderFrames { get; init; } = int.MaxValue;

    public int DecodedFrames => Volatile.Read(ref _decoded);

    /// <summary>Called with each packet for the video decoder, null at the end; may throw or block.</summary>
    public Action<Packet?> Decoding { get; set; } = _ => { };

    /// <summary>Packets that the video decoder takes and never makes a picture of.</summary>
    public Func<Packet, bool> Loses { get; set; } = _ => false;

    /// <summary>Called when a video encoder or decoder is closed; may block.</summary>
    public Action<object> Closing { get; set; } = _ => { };

    /// <summary>Called before each opening with the settings or track; may throw.</summary>
    public Action<object> Opening { get; set; } = _ => { };

    /// <summary>Called on the encode thread for each frame; may throw or block.</summary>
    public Action<VideoEncoderSettings, Frame> Encoding { get; set; } = (_, _) => { };

    /// <summary>Called on the audio thread for each frame; may throw.</summary>
    public Action<AudioEncoderSettings, Frame> EncodingAudio { get; set; } = (_, _) => { };

    /// <summary>Called for each scaling with the input and the target.</summary>
    public Action<Frame, VideoFormat> Scaling { get; set; } = (_, _) => { };

    public IDecoder OpenDecoder(Track track)
    {
        ThrowIfLost();
        Opening(track);
        return track.Kind == TrackKind.Video ? new FakeVideoDecoder(this, track) : new FakeAudioDecoder(this, track);
    }

    /// <summary>Frames that the video encoder takes and never gives back.</summary>
    public Func<Frame, bool> Swallows { get; set; } = _ => false;

    /// <summary>The card has fallen off the bus: nothing works, and frames on it are gone.</summary>
    public bool IsLost { get; set; }

    /// <summary>Whether it has a scale engine.</summary>
    public bool Scales { get; init; } = true;

    public IScaler OpenScaler(VideoFormat target) => Scales ? new FakeScaler(this, target) : throw new CodecException("no scale engine", -38);

    public IVideoEncoder OpenVideoEncoder(VideoEncoderSettings settings)
    {
        ThrowIfLost();
        Opening(settings);
        return new FakeVideoEncoder(this, settings);
    }

    public IAudioResampler OpenAudioResampler(AudioFormat target) => new FakeResampler(this, target);

    public IAudioEncoder OpenAudioEncoder(AudioEncoderSettings settings)
    {
        Opening(settings);
        return new FakeAudioEncoder(this, settings);
    }

    internal void ThrowIfLost()
    {
        if (IsLost)
        {
            throw new CodecException($"{Name} is lost", -5);
        }
    }

    internal void CountDecoded(int change) => Interlocked.Add(ref _decoded, change);

    internal void FrameMade() => Interlocked.Increment(ref _frames);

    internal void FrameReleased() => Interlocked.Decrement(ref _frames);

    internal void CodecOpened() => Interlocked.Increment(ref _open);

    internal void CodecDisposed() => Interlocked.Decrement(ref _open);
}
