using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Encoding;

/// <summary>One open video encoder at its granted place, with the watch over it: what it delays, whether it has fallen silent, whether it keeps up.</summary>
/// <param name="scaler">Brings any frame here, in the session's size. Owned.</param>
/// <param name="scalesOn">The device of that scaler: the encoder's own where it has a scale engine, else the CPU.</param>
internal sealed class VideoSession(LeaseGrant grant, IDevice device, IVideoEncoder encoder, IScaler scaler, IDevice scalesOn, TimeProvider time) : IDisposable
{
    private readonly TimeSpan _silence = EncoderLimits.SilenceOf(device);
    private bool _fresh = true;
    private int _inside;
    private int _delay = EncoderLimits.FirstDelayOf(device, grant.Settings);
    private bool _answered;
    private int _sentSinceOutput;
    private long _lastOutput = time.GetTimestamp();

    public LeaseGrant Grant => grant;

    public IDevice Device => device;

    public IDevice ScalesOn => scalesOn;

    public Track Track => encoder.Track;

    public PictureSize Size { get; } = new(grant.Settings.Width, grant.Settings.Height);

    public EncoderStrain Strain { get; } = new(time);

    /// <summary>Frames go in and nothing has come out for longer than the session's own delay explains.</summary>
    public bool IsSilent => _sentSinceOutput >= _delay + EncoderLimits.MoreDelay && time.GetElapsedTime(_lastOutput) > _silence;

    public string Silence => $"took {_sentSinceOutput} frames and gave none back for {time.GetElapsedTime(_lastOutput).TotalSeconds:0.0} s";

    public static VideoFormat FormatOf(VideoEncoderSettings settings) => new(settings.Width, settings.Height, 0);

    /// <summary>The frame as this encoder takes it; the caller owns one reference of the answer.</summary>
    /// <param name="on">The device that the frame is on.</param>
    /// <exception cref="CodecException">It can't be brought here.</exception>
    public Frame Bring(Frame frame, IDevice on, IDevice cpu)
    {
        if ((on == device || on == cpu) && frame.Width == Size.Width && frame.Height == Size.Height)
        {
            frame.AddReference();
            return frame;
        }

        return scaler.Scale(frame);
    }

    public void Send(Frame frame, bool keyframe, PipelineThread thread)
    {
        var began = Enter(thread);
        encoder.Send(frame, keyframe || _fresh);
        Leave(thread, began);
        Strain.Sent(frame.Pts);
        _fresh = false;
        _inside++;
        if (_sentSinceOutput++ == 0)
        {
            // Silence counts from the first frame that it leaves unanswered: before that the source may have paused.
            _lastOutput = time.GetTimestamp();
        }
    }

    public void Drain(PipelineThread thread)
    {
        var began = Enter(thread);
        encoder.Send(null, forceKeyframe: false);
        Leave(thread, began);
    }

    public CodecStatus Receive(out EncodedUnit unit, PipelineThread thread)
    {
        var began = Enter(thread);
        var status = encoder.Receive(out unit);
        Leave(thread, began);
        if (status == CodecStatus.Ok)
        {
            _delay = _answered ? Math.Max(_delay, _inside) : _inside;
            _answered = true;
            _inside--;
            _sentSinceOutput = 0;
            _lastOutput = time.GetTimestamp();
        }

        return status;
    }

    /// <param name="decoder">The way of the frames to here.</param>
    public RenditionStarted Describe(string decoder, Reason reason) =>
        new(device.Id, device.Kind, encoder.Description, decoder, Size.Width, Size.Height, grant.Settings.FrameRate, reason, grant.Lease);

    public void Dispose()
    {
        encoder.Dispose();
        scaler.Dispose();
    }

    private long Enter(PipelineThread thread)
    {
        thread.Busy(_silence);
        return time.GetTimestamp();
    }

    private void Leave(PipelineThread thread, long began)
    {
        Strain.Worked(time.GetElapsedTime(began));
        thread.Busy();
    }
}
