using Transcoder.Codecs.Native;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>
/// One libavcodec audio encoder. Unit n is frame n seen through the encoder's delay: its time is that frame's, less the initial padding.
/// </summary>
internal sealed unsafe class LibavAudioEncoder : IAudioEncoder
{
    private readonly EncoderHandle _encoder = new();
    private readonly SourceTimes _times;
    private readonly MediaTime _delay;
    private readonly string _name;

    public LibavAudioEncoder(string name, string format, AudioEncoderSettings settings, EncoderOptions options)
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ForgetLog();
        _name = name;
        Description = $"{name} {options}";
        var opening = new EncoderOpening
        {
            TimeBaseNum = 1,
            TimeBaseDen = settings.Format.SampleRate,
            SampleRate = settings.Format.SampleRate,
            Channels = settings.Format.Channels,
        };
        ShimLibrary.ThrowIfFailed(
            Shim.EncoderOpen(name, format, opening, options.Text, DeviceHandle.None, FrameHandle.None, out var opened),
            $"{name} did not open for {settings.Format.SampleRate} Hz, {settings.Format.Channels} channels");
        _encoder.Adopt(opened);
        ShimLibrary.ThrowIfFailed(Shim.EncoderRead(_encoder, out var facts), name);
        FrameSize = facts.FrameSize;
        InitialPadding = facts.InitialPadding;
        _times = new SourceTimes(MediaTime.FromSamples(FrameSize, settings.Format.SampleRate));
        _delay = MediaTime.FromSamples(InitialPadding, settings.Format.SampleRate);
        Track = new Track(TrackKind.Audio, settings.Codec, new ReadOnlySpan<byte>(facts.Extradata, facts.ExtradataSize).ToArray(), Audio: settings.Format);
    }

    public Track Track { get; }

    public string Description { get; }

    public int FrameSize { get; }

    public int InitialPadding { get; }

    public void Send(Frame? frame)
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

        if (frame.Samples != FrameSize)
        {
            throw new ArgumentException($"{_name} takes {FrameSize} samples a frame, not {frame.Samples}.", nameof(frame));
        }

        var status = Shim.EncoderSend(_encoder, ((LibavFrame)frame).Handle, _times.Count * FrameSize, 0);
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
        var time = _times.At((coded.Pts + InitialPadding) / FrameSize) - _delay;
        unit = new EncodedUnit(new ReadOnlySpan<byte>(coded.Data, coded.Size), time, time, keyframe: true, disposable: false);
        return CodecStatus.Ok;
    }

    public void Dispose() => _encoder.Dispose();
}
