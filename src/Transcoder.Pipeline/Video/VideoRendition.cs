using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Renditions;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// The picture of one rendition: its queue and its encode thread. Packets leave in whole mini-GOPs, so that an encoder that fails inside one is
/// replaced by another that begins with the first frame that had not left.
/// </summary>
internal sealed class VideoRendition
{
    // Pictures kept for a restart: ten times what an encoder for live use delays.
    private const int KeptPictures = 32;

    // An encoder that has taken this many frames, over this long, without giving one has failed. Lookahead stays far below.
    private const int SilentFrames = 240;
    private static readonly TimeSpan SilentFor = TimeSpan.FromSeconds(5);

    private readonly PipelineScope _scope;
    private readonly Rendition _rendition;
    private readonly PlannedVideo _plan;
    private readonly string _decoder;
    private readonly RestartBudget _restarts;
    private readonly FramesInFlight _inFlight = new(KeptPictures);
    private readonly List<Packet> _held = [];
    private EncoderSession<IVideoEncoder>? _session;
    private MediaTime _lastDts;
    private int _sentSinceOutput;
    private long _lastOutput;

    /// <param name="decoder">What decodes the source, for the report.</param>
    public VideoRendition(PipelineScope scope, Rendition rendition, PlannedVideo plan, string decoder)
    {
        _scope = scope;
        _rendition = rendition;
        _plan = plan;
        _decoder = decoder;
        _restarts = RestartBudget.ForCodecs(scope.Time);

        // What left before has no later DTS than its boundary's PTS.
        _lastDts = rendition.Job.ResumeVideoAfter;
    }

    public Rendition Rendition => _rendition;

    public PlannedVideo Plan => _plan;

    public FrameQueue Queue { get; } = new();

    /// <summary>The encode thread.</summary>
    public void Run(PipelineThread thread)
    {
        try
        {
            while (Next(thread, out var frame, out var keyframe))
            {
                try
                {
                    Encode(frame, keyframe);
                }
                finally
                {
                    frame.Release();
                }

                if (_rendition.HasEnded)
                {
                    return;
                }
            }

            if (!Queue.IsAborted && _session is not null)
            {
                thread.Busy();
                Attempt(static self => self.Drain());
            }
        }
        finally
        {
            _rendition.Frames.Lost(Queue.Abort() + _inFlight.Clear());
            DiscardHeld();
            _session?.Dispose();
        }
    }

    private bool Next(PipelineThread thread, out Frame frame, out bool keyframe)
    {
        thread.Idle();
        var some = Queue.Take(out frame, out keyframe);
        thread.Busy();
        return some;
    }

    private void Encode(Frame frame, bool keyframe)
    {
        _inFlight.Add(frame, keyframe);
        if (_session is null)
        {
            Attempt(static self => self.Open(failed: null));
            return;
        }

        Attempt(static self =>
        {
            var (last, forced) = self._inFlight[self._inFlight.Count - 1];
            self.Send(last, forced);
        });
    }

    /// <summary>Does one step on the encoder; where it fails, moves to the next device until the step's frames are in or the rendition ends.</summary>
    private void Attempt(Action<VideoRendition> step)
    {
        var failed = _session?.Device;
        try
        {
            step(this);
            return;
        }
        catch (Exception exception)
        {
            Fail(exception);
        }

        while (!_rendition.HasEnded)
        {
            if (!_restarts.TryRestart())
            {
                _rendition.End(new Reason(Reasons.EncoderFailed, $"{_rendition.Name}: the encoder failed again and again"));
                return;
            }

            try
            {
                Open(failed);
                return;
            }
            catch (Exception exception)
            {
                failed = _session?.Device ?? failed;
                Fail(exception);
            }
        }
    }

    private void Fail(Exception exception)
    {
        _scope.Link.Log("Warning", new Reason(Reasons.EncoderFailed, $"{_rendition.Name}: {exception.Message}"));
        DiscardHeld();
        _rendition.Frames.Lost(_inFlight.Rewind());
        _session?.Dispose();
        _session = null;
    }

    /// <summary>Opens a session and gives it everything that has not left, the first frame as an IDR.</summary>
    private void Open(IDevice? failed)
    {
        _session = _scope.Encoders.OpenVideo(_plan.Settings, failed, out var reason);
        if (_session is null)
        {
            _rendition.End(reason);
            return;
        }

        _sentSinceOutput = 0;
        _lastOutput = _scope.Time.GetTimestamp();
        var settings = _plan.Settings;
        _rendition.Started(new RenditionStarted(
            _session.Device.Id, _session.Device.Kind, _session.Encoder.Description, _decoder, settings.Width, settings.Height, settings.FrameRate, _session.Reason));

        // A copy of the list: frames leave it as their packets come out.
        var again = Enumerable.Range(0, _inFlight.Count).Select(i => _inFlight[i]).ToArray();
        foreach (var (frame, _) in again)
        {
            frame.AddReference();
        }

        try
        {
            for (var i = 0; i < again.Length; i++)
            {
                Send(again[i].Frame, again[i].Keyframe || i == 0);
            }
        }
        finally
        {
            foreach (var (frame, _) in again)
            {
                frame.Release();
            }
        }
    }

    private void Send(Frame frame, bool keyframe)
    {
        _session!.Encoder.Send(frame, keyframe);
        _sentSinceOutput++;
        Receive();
        if (_sentSinceOutput >= SilentFrames && _scope.Time.GetElapsedTime(_lastOutput) > SilentFor)
        {
            throw new CodecException($"took {_sentSinceOutput} frames and gave none back");
        }
    }

    private void Drain()
    {
        _session!.Encoder.Send(null, forceKeyframe: false);
        if (Receive() != CodecStatus.EndOfStream)
        {
            throw new CodecException("did not drain");
        }

        // Whatever is still held came out of order at the very end: it leaves as it is.
        Flush();
    }

    private CodecStatus Receive()
    {
        while (true)
        {
            var status = _session!.Encoder.Receive(out var unit);
            if (status != CodecStatus.Ok)
            {
                return status;
            }

            _sentSinceOutput = 0;
            _lastOutput = _scope.Time.GetTimestamp();
            OnUnit(unit);
        }
    }

    private void OnUnit(in EncodedUnit unit)
    {
        if (!_inFlight.Complete(unit.Pts, out var pts))
        {
            throw new CodecException($"gave a unit at {unit.Pts} that belongs to no frame");
        }

        if (unit.IsKeyframe || _plan.Settings.BFrames == 0)
        {
            _rendition.Frames.Lost(_inFlight.Swallowed(pts));
        }

        // Strictly increasing where there is room below the PTS: some players refuse two packets of one DTS.
        var dts = unit.Dts > _lastDts ? unit.Dts : MediaTime.Max(_lastDts, MediaTime.Min(_lastDts + MediaTime.FromMilliseconds(1), pts));
        _lastDts = dts = MediaTime.Min(dts, pts);
        var flags = (unit.IsKeyframe ? PacketFlags.Keyframe : 0) | (unit.IsDisposable ? PacketFlags.Disposable : 0);
        var track = _session!.Encoder.Track;
        if (_held.Count == 0 && _inFlight.AtBoundary)
        {
            _rendition.Announce(track);
            _scope.Link.SendPacket(_rendition.Number, TrackKind.Video, dts, pts, flags, WorkerPacketFlags.Boundary, unit.Data);
            _rendition.Frames.Encoded(_inFlight.Flush());
            return;
        }

        _held.Add(Packet.Copy(_scope.Pool, track, dts, pts, flags, unit.Data));
        if (_inFlight.AtBoundary)
        {
            Flush();
        }
    }

    private void Flush()
    {
        for (var i = 0; i < _held.Count; i++)
        {
            var packet = _held[i];
            _rendition.Announce(packet.Track);
            var boundary = i == _held.Count - 1 ? WorkerPacketFlags.Boundary : WorkerPacketFlags.None;
            _scope.Link.SendPacket(_rendition.Number, TrackKind.Video, packet.Dts, packet.Pts, packet.Flags, boundary, packet.Payload.Span);
        }

        if (_held.Count > 0)
        {
            DiscardHeld();
            _rendition.Frames.Encoded(_inFlight.Flush());
        }
    }

    private void DiscardHeld()
    {
        foreach (var packet in _held)
        {
            packet.Release();
        }

        _held.Clear();
    }
}
