using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Renditions;

namespace Transcoder.Pipeline.Audio;

/// <summary>
/// One audio encoder and the renditions that share its units. A unit's time is the time of its first sample in the encoder's input, counted, so
/// that it is exact; the encoder's priming is taken off. Each rendition gets the units after the last one that it has. On the audio thread.
/// </summary>
internal sealed class AudioOutput : IDisposable
{
    // More frames than any encoder holds between input and output.
    private const int Remembered = 64;

    private readonly PipelineScope _scope;
    private readonly AudioEncoderSettings _settings;
    private readonly List<Listener> _listeners;
    private readonly RestartBudget _restarts;
    private readonly long[] _starts = new long[Remembered];
    private readonly bool[] _jumps = new bool[Remembered];
    private IAudioEncoder? _encoder;
    private long _frames;
    private long _units;

    private AudioOutput(PipelineScope scope, AudioEncoderSettings settings, List<Listener> listeners, IAudioEncoder encoder)
    {
        _scope = scope;
        _settings = settings;
        _listeners = listeners;
        _encoder = encoder;
        _restarts = RestartBudget.ForCodecs(scope.Time);
        FrameSize = encoder.FrameSize;
    }

    public AudioFormat Format => _settings.Format;

    public int FrameSize { get; }

    /// <summary>The first sample that the encoder must be fed so that the renditions go on without a gap; null where none resumes.</summary>
    public long? Start { get; private init; }

    public bool IsWanted => _encoder is not null && _listeners.Exists(listener => !listener.Rendition.HasEnded);

    /// <summary>Opens encoders for renditions of equal settings; renditions whose units lie on different sample grids can't share one.</summary>
    public static IEnumerable<AudioOutput> Open(PipelineScope scope, AudioEncoderSettings settings, IReadOnlyList<Rendition> renditions)
    {
        var waiting = renditions.Where(rendition => !rendition.HasEnded || rendition.IsParked).ToList();
        while (waiting.Count > 0)
        {
            if (TryOpen(scope, settings, out var failure) is not { } encoder)
            {
                waiting.ForEach(rendition => rendition.Park(failure));
                yield break;
            }

            yield return ForOneGrid(scope, settings, encoder, waiting);
        }
    }

    private static AudioOutput ForOneGrid(PipelineScope scope, AudioEncoderSettings settings, IAudioEncoder encoder, List<Rendition> waiting)
    {
        var rate = settings.Format.SampleRate;
        var frameSize = encoder.FrameSize;
        var resumed = waiting.FindAll(rendition => rendition.Job.ResumeAudioAfter > MediaTime.MinValue);
        long? grid = resumed.Count > 0 ? resumed[0].Job.ResumeAudioAfter.ToSamples(rate) : null;
        var listeners = new List<Listener>();
        long? earliest = null;
        foreach (var rendition in waiting)
        {
            var resume = rendition.Job.ResumeAudioAfter;
            if (resume == MediaTime.MinValue)
            {
                listeners.Add(new Listener(rendition) { Last = long.MinValue });
                continue;
            }

            var last = resume.ToSamples(rate);
            if ((last - grid!.Value) % frameSize == 0)
            {
                listeners.Add(new Listener(rendition) { Last = last });
                earliest = Math.Min(earliest ?? long.MaxValue, last);
            }
        }

        waiting.RemoveAll(rendition => listeners.Exists(listener => listener.Rendition == rendition));

        // Unit n of a session is at start - padding + n frames. It shall be the one after the last that left, with one more before it as run-up.
        var padding = encoder.InitialPadding;
        var runUp = ((padding + frameSize - 1) / frameSize) + 1;
        var output = new AudioOutput(scope, settings, listeners, encoder)
        {
            Start = earliest is { } point ? point + frameSize + padding - ((long)runUp * frameSize) : null,
        };
        return output;
    }

    /// <summary>The timeline's first sample: a new rendition gets no unit before it, which would be priming.</summary>
    public void Begin(long firstSample)
    {
        foreach (var listener in _listeners)
        {
            listener.Last = Math.Max(listener.Last, firstSample - 1);
        }

        foreach (var listener in _listeners.Where(listener => listener.Rendition.Job.Spec.Video is null || !_scope.HasVideo))
        {
            TellStarted(listener.Rendition);
        }
    }

    /// <summary>Encodes a frame; the caller keeps its reference.</summary>
    /// <param name="start">The frame's first sample on the timeline.</param>
    /// <param name="jump">The timeline jumps before this frame.</param>
    public void Encode(Frame frame, long start, bool jump)
    {
        if (_encoder is null && _listeners.Exists(listener => !listener.Rendition.HasEnded))
        {
            // It failed them, and one of them has returned.
            Reopen();
        }

        while (_encoder is not null)
        {
            try
            {
                _starts[_frames % Remembered] = start;
                _jumps[_frames % Remembered] = jump;
                _frames++;
                _encoder.Send(frame);
                Receive();
                return;
            }
            catch (Exception exception)
            {
                // Whatever the codec threw: the failure domain is this encoder, and the frame goes into the next one.
                Replace(exception);
            }
        }
    }

    public void Drain()
    {
        try
        {
            _encoder?.Send(null);
            Receive();
        }
        catch (Exception exception)
        {
            // Nothing follows these last units; a failure here only shortens the end.
            _scope.Link.Log("Warning", new Reason(Reasons.EncoderFailed, exception.Message));
        }
    }

    public void Dispose() => _encoder?.Dispose();

    private void Replace(Exception exception)
    {
        _scope.Link.Log("Warning", new Reason(Reasons.EncoderFailed, $"audio: {exception.Message}"));
        _encoder!.Dispose();
        _encoder = null;
        _frames = 0;
        _units = 0;
        Reopen();
    }

    private void Reopen()
    {
        var reason = new Reason(Reasons.EncoderFailed, "the audio encoder failed again and again");
        if (_restarts.TryRestart())
        {
            _encoder = TryOpen(_scope, _settings, out reason);
        }

        if (_encoder is null)
        {
            _listeners.ForEach(listener => listener.Rendition.Park(reason));
        }
    }

    private void Receive()
    {
        while (_encoder is not null && _encoder.Receive(out var unit) == CodecStatus.Ok)
        {
            Send(unit);
        }
    }

    private void Send(in EncodedUnit unit)
    {
        var position = (_units++ * FrameSize) - _encoder!.InitialPadding;
        var index = Math.Clamp((long)Math.Floor(position / (double)FrameSize), 0, _frames - 1);
        var sample = _starts[index % Remembered] + position - (index * FrameSize);
        var pts = MediaTime.FromSamples(sample, Format.SampleRate);
        var flags = PacketFlags.Keyframe | (_jumps[index % Remembered] ? PacketFlags.Discontinuity : 0);
        foreach (var listener in _listeners)
        {
            if (sample <= listener.Last || listener.Rendition.HasEnded || pts < listener.Rendition.SoundFrom)
            {
                continue;
            }

            listener.Last = sample;
            listener.Rendition.Announce(_encoder.Track);
            if (listener.Rendition.Send(TrackKind.Audio, pts, pts, flags, WorkerPacketFlags.Boundary, unit.Data))
            {
                listener.Rendition.CountAudioUnit();
            }
        }

        _jumps[index % Remembered] = false;
    }

    private static IAudioEncoder? TryOpen(PipelineScope scope, AudioEncoderSettings settings, out Reason failure)
    {
        failure = default;
        try
        {
            return scope.Encoders.Open(settings);
        }
        catch (CodecException exception)
        {
            failure = new Reason(Reasons.EncoderFailed, $"the CPU can't encode {settings.Codec.Name()}: {exception.Message}");
            return null;
        }
    }

    private void TellStarted(Rendition rendition) => rendition.Started(new RenditionStarted(
        DeviceRef.Cpu.Id, DeviceRef.Cpu.Kind, _encoder!.Description, "", 0, 0, 0, EncoderPool.SoundOnCpu));

    private sealed class Listener(Rendition rendition)
    {
        public Rendition Rendition => rendition;

        /// <summary>First sample of the last unit that this rendition has.</summary>
        public long Last { get; set; }
    }
}
