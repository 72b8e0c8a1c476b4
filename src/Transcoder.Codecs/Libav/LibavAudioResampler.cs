using Transcoder.Codecs.Native;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>swresample with a sample store, in planar float: both audio encoders are fed from it (libopus gets it interleaved, see its row).</summary>
internal sealed class LibavAudioResampler : IAudioResampler
{
    private readonly ResamplerHandle _resampler = new();
    private readonly LibavFramePool _frames = new();

    public LibavAudioResampler(AudioFormat target, string sampleFormat)
    {
        ShimLibrary.EnsureLoaded();
        ShimLibrary.ThrowIfFailed(
            Shim.ResamplerOpen(target.SampleRate, target.Channels, sampleFormat, out var opened),
            $"No resampler to {target.SampleRate} Hz, {target.Channels} channels");
        _resampler.Adopt(opened);
    }

    public int Stored => Shim.ResamplerStored(_resampler);

    public int Push(Frame frame)
    {
        var stored = Shim.ResamplerPush(_resampler, ((LibavFrame)frame).Handle);
        ShimLibrary.ThrowIfFailed(stored, $"Resampling from {frame.SampleRate} Hz, {frame.Channels} channels failed");
        return stored;
    }

    public void PushSilence(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        ShimLibrary.ThrowIfFailed(Shim.ResamplerSilence(_resampler, samples), "Storing silence failed");
    }

    public void Skip(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        ShimLibrary.ThrowIfFailed(Shim.ResamplerSkip(_resampler, samples), "Skipping samples failed");
    }

    public Frame Pull(int samples, MediaTime pts)
    {
        var frame = _frames.Rent();
        var status = Shim.ResamplerPull(_resampler, samples, pts.Nanoseconds, frame.Handle, out var facts);
        if (status != Shim.Ok)
        {
            frame.Release();
            throw ShimLibrary.Failure(status, $"Taking {samples} of {Stored} samples failed");
        }

        frame.Describe(facts, pts);
        return frame;
    }

    public void Dispose()
    {
        _resampler.Dispose();
        _frames.Dispose();
    }
}
