using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Pipeline.Audio;

/// <summary>
/// One resampled form of the source's sound, cut into frames on one sample grid, for all encoders that want it so. On the audio thread.
/// </summary>
internal sealed class AudioLane : IDisposable
{
    private readonly IAudioResampler _resampler;
    private readonly IReadOnlyList<AudioOutput> _outputs;
    private readonly AudioTimeline _timeline;
    private readonly int _rate;
    private readonly int _frameSize;
    private long _position;
    private bool _jump;

    /// <param name="start">First sample of the first frame.</param>
    public AudioLane(IDevice device, AudioFormat format, int frameSize, long start, IReadOnlyList<AudioOutput> outputs)
    {
        _resampler = device.OpenAudioResampler(format);
        _timeline = new AudioTimeline(format.SampleRate);
        _outputs = outputs;
        _rate = format.SampleRate;
        _frameSize = frameSize;
        _position = start;
        foreach (var output in outputs)
        {
            output.Begin(start);
        }
    }

    /// <summary>The caller keeps its reference.</summary>
    public void Push(Frame frame)
    {
        var actual = frame.Pts.ToSamples(_rate);
        var length = (int)((long)frame.Samples * _rate / frame.SampleRate);
        var trim = 0;
        switch (_timeline.Place(actual, _position + _resampler.Stored, length, out var samples))
        {
            case AudioPlacement.Fill:
                _resampler.PushSilence(samples);
                break;
            case AudioPlacement.Trim:
                trim = samples;
                break;
            case AudioPlacement.Discard:
                return;
            case AudioPlacement.Reanchor:
                Reanchor(actual);
                break;
        }

        _resampler.Push(frame);
        _resampler.Skip(trim);
        Cut();
    }

    /// <summary>The last frame is filled up with silence, then the encoders drain.</summary>
    public void Drain()
    {
        FillUp();
        foreach (var output in _outputs)
        {
            output.Drain();
        }
    }

    public void Dispose()
    {
        _resampler.Dispose();
        foreach (var output in _outputs)
        {
            output.Dispose();
        }
    }

    private void Reanchor(long actual)
    {
        FillUp();
        _position = actual;
        _jump = true;
    }

    private void FillUp()
    {
        if (_resampler.Stored > 0)
        {
            _resampler.PushSilence(_frameSize - (_resampler.Stored % _frameSize));
            Cut();
        }
    }

    private void Cut()
    {
        while (_resampler.Stored >= _frameSize)
        {
            var frame = _resampler.Pull(_frameSize, MediaTime.FromSamples(_position, _rate));
            try
            {
                foreach (var output in _outputs)
                {
                    output.Encode(frame, _position, _jump);
                }
            }
            finally
            {
                frame.Release();
            }

            _jump = false;
            _position += _frameSize;
        }
    }
}
