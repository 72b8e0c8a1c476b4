using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Ports;

/// <summary>What a codec says of one step; anything unexpected is a <see cref="CodecException"/>.</summary>
public enum CodecStatus
{
    Ok,
    NeedMoreInput,
    EndOfStream,
}

/// <summary>A codec, a driver or a device failed. Ends one rendition or one decoder, never the process.</summary>
/// <param name="error">The AVERROR or driver code, untouched.</param>
public sealed class CodecException(string message, int error = 0) : Exception(message)
{
    /// <summary>AVERROR(ENOSYS): the device doesn't do this, which says nothing of its health.</summary>
    public const int NotSupported = -38;

    public int Error { get; } = error;
}

/// <summary>Something that can decode, scale and encode: the CPU, or one GPU by its stable identity. Its children are used by one thread each.</summary>
public interface IDevice
{
    /// <summary>Stable identity: "cpu", a GPU UUID or a PCI address. Never an index.</summary>
    string Id { get; }

    /// <summary>"software", "nvenc", "qsv", "vaapi".</summary>
    string Kind { get; }

    /// <summary>Human name.</summary>
    string Name { get; }

    /// <summary>Opens a decoder for the track, video or audio.</summary>
    /// <exception cref="CodecException">The device can't decode this codec or profile.</exception>
    IDecoder OpenDecoder(Track track);

    IScaler OpenScaler(VideoFormat target);

    IVideoEncoder OpenVideoEncoder(VideoEncoderSettings settings);

    IAudioResampler OpenAudioResampler(AudioFormat target);

    IAudioEncoder OpenAudioEncoder(AudioEncoderSettings settings);
}

public interface IDecoder : IDisposable
{
    /// <summary>Gives one packet, or null to drain. Call <see cref="Receive"/> until it wants more before each call.</summary>
    /// <returns>False when the packet was damaged and skipped: decoding goes on.</returns>
    bool Send(Packet? packet);

    /// <summary>The next frame in presentation order; its Pts is the packet's. The caller owns one reference.</summary>
    CodecStatus Receive(out Frame? frame);

    /// <summary>So many of its frames are held that it may soon have none to decode into: who holds any longer brings them to main memory.</summary>
    bool IsShortOfFrames { get; }
}

public interface IScaler : IDisposable
{
    /// <summary>A frame of the target size with the source frame's times; the same frame with a reference added where nothing must change.</summary>
    Frame Scale(Frame frame);
}

/// <summary>A coded unit as an encoder gives it; <see cref="Data"/> stays valid until the next call on the encoder.</summary>
public readonly ref struct EncodedUnit(ReadOnlySpan<byte> data, MediaTime dts, MediaTime pts, bool keyframe, bool disposable)
{
    public ReadOnlySpan<byte> Data { get; } = data;

    public MediaTime Dts { get; } = dts;

    public MediaTime Pts { get; } = pts;

    public bool IsKeyframe { get; } = keyframe;

    public bool IsDisposable { get; } = disposable;
}

public interface IVideoEncoder : IDisposable
{
    /// <summary>The coded track with its configuration record; known from opening on.</summary>
    Track Track { get; }

    /// <summary>The encoder's name and the options it really runs with, for the API.</summary>
    string Description { get; }

    /// <summary>Encodes one frame (the caller keeps its reference), or null to drain.</summary>
    /// <param name="forceKeyframe">Make this one an IDR.</param>
    void Send(Frame? frame, bool forceKeyframe);

    CodecStatus Receive(out EncodedUnit unit);
}

/// <summary>Sample-rate, channel and format conversion with a sample store: frames of any length in, frames of the encoder's length out.</summary>
public interface IAudioResampler : IDisposable
{
    /// <summary>Converts and stores; the caller keeps its reference. The input's format may change between calls.</summary>
    /// <returns>Samples stored by this call, at the target rate.</returns>
    int Push(Frame frame);

    void PushSilence(int samples);

    /// <summary>Forgets the oldest samples; fewer when fewer are stored.</summary>
    void Skip(int samples);

    /// <summary>Samples stored, at the target rate.</summary>
    int Stored { get; }

    /// <summary>Takes a frame of exactly <paramref name="samples"/>, stamped <paramref name="pts"/>; the caller owns it.</summary>
    Frame Pull(int samples, MediaTime pts);
}

public interface IAudioEncoder : IDisposable
{
    Track Track { get; }

    string Description { get; }

    /// <summary>Samples a frame must have.</summary>
    int FrameSize { get; }

    /// <summary>Samples of priming that the first coded unit is early by (encoder delay).</summary>
    int InitialPadding { get; }

    void Send(Frame? frame);

    CodecStatus Receive(out EncodedUnit unit);
}
