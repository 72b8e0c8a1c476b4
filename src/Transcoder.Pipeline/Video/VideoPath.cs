using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Links;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>The video decode thread: packets of the link to frames, once for all renditions.</summary>
internal sealed class VideoPath : IDisposable
{
    // Half a second of a fast source; in bytes, more than a GOP's largest picture.
    private const int QueuedPackets = 64;
    private const int QueuedBytes = 8 << 20;

    // A source whose first keyframe does not come is decided about all the same.
    private const int MostHeld = 120;

    // A source with periodic intra refresh never sends another keyframe: after so long without one, decode what comes.
    private static readonly MediaTime LongestWait = MediaTime.FromSeconds(5);

    private readonly PipelineScope _scope;
    private readonly LagGate _lag;
    private readonly VideoFanOut _fanOut;
    private readonly Passthrough _passthrough;
    private readonly GopKeeper _gop = new();
    private readonly List<LinkItem> _held = [];
    private readonly RestartBudget _restarts;
    private readonly SourceDecoder _decoder;
    private Track? _track;
    private bool _mustMove;
    private bool _waitsForKeyframe = true;
    private bool _rests;
    private MediaTime? _waitsSince;

    public VideoPath(PipelineScope scope)
    {
        _scope = scope;
        _lag = new LagGate(scope.Time);
        _decoder = new SourceDecoder(scope);
        _fanOut = new VideoFanOut(scope, _lag, _decoder);
        _passthrough = new Passthrough(scope);
        _restarts = RestartBudget.ForCodecs(scope.Time);
    }

    public PacketQueue Queue { get; } = new(QueuedPackets, QueuedBytes);

    public void Run(PipelineThread thread)
    {
        thread.Hung = TellHung;
        while (Next(thread, out var item))
        {
            if (item.Track is { } track)
            {
                Decide(thread);
                ChangeTrack(track, thread);
            }
            else if (item.Packet is { } packet)
            {
                _passthrough.Measure(packet);
                if (_passthrough.IsDeciding)
                {
                    _held.Add(item);
                    if (_passthrough.IsEnough || _held.Count >= MostHeld)
                    {
                        Decide(thread);
                    }
                }
                else
                {
                    Take(item, thread);
                }
            }
            else
            {
                Decide(thread);
                Drain(thread);
                _passthrough.Drain();
                _fanOut.Complete(thread);
                return;
            }
        }
    }

    /// <summary>From any thread: ends the decode thread and the encode threads behind it.</summary>
    public void Abort()
    {
        Queue.Abort();
        _fanOut.Abort();
    }

    /// <summary>Once the thread has ended.</summary>
    public void Dispose()
    {
        _passthrough.Drain();
        _held.ForEach(item => item.Packet!.Release());
        _gop.Dispose();
        _decoder.Dispose();
        _fanOut.Dispose();
    }

    // The watchdog calls.
    private void TellHung()
    {
        if (!_decoder.TellHung())
        {
            _fanOut.TellHung();
        }
    }

    private bool Next(PipelineThread thread, out LinkItem item)
    {
        thread.Idle();
        var some = Queue.Take(out item);
        thread.Busy();
        return some;
    }

    /// <summary>Takes over the packet.</summary>
    private void Take(in LinkItem item, PipelineThread thread)
    {
        var packet = item.Packet!;
        try
        {
            _lag.Observe(item.LagMilliseconds, item.Arrival);
            _fanOut.Add(_passthrough.Forward(packet), thread);

            Decode(packet, thread);
        }
        finally
        {
            packet.Release();
        }
    }

    /// <summary>Enough of the source has been seen, or no more comes: what waited for that goes its way.</summary>
    private void Decide(PipelineThread thread)
    {
        if (!_passthrough.IsDeciding)
        {
            return;
        }

        _passthrough.Decide();
        if (!_fanOut.IsWanted)
        {
            _scope.VideoSettled.Set();
        }

        while (_held.Count > 0)
        {
            var item = _held[0];
            _held.RemoveAt(0);
            Take(item, thread);
        }
    }

    private void ChangeTrack(Track track, PipelineThread thread)
    {
        _passthrough.SetTrack(track);
        if (track.Equals(_track) && _decoder.IsOpen)
        {
            return;
        }

        Drain(thread);
        _gop.Clear();
        _track = track;
        _waitsForKeyframe = true;
        _waitsSince = null;
        if (_fanOut.IsWanted && !_passthrough.IsDeciding)
        {
            TryOpen(thread);
        }
    }

    private bool TryOpen(PipelineThread thread)
    {
        if (!_decoder.TryOpen(_track!, thread))
        {
            return false;
        }

        _mustMove = false;
        _fanOut.SetSource(_track!);
        return true;
    }

    private void Decode(Packet packet, PipelineThread thread)
    {
        _scope.Source.CountVideoPacket();
        _fanOut.Return();
        if (!_fanOut.IsWanted)
        {
            // What a decoder still holds would come out when the first rendition returns.
            _decoder.Close();
            _gop.Clear();
            _waitsForKeyframe = true;
            _rests = true;
            return;
        }

        if (_waitsForKeyframe && !packet.IsKeyframe)
        {
            _waitsSince ??= packet.Dts;
            if (packet.Dts - _waitsSince < LongestWait)
            {
                if (!_rests)
                {
                    _scope.Source.CountDamage();
                }

                return;
            }
        }

        _waitsForKeyframe = false;
        _waitsSince = null;
        _rests = false;
        _mustMove |= _decoder.MustMove();
        if (_mustMove)
        {
            Move(packet, thread);
        }

        if (_decoder.UsesDevices)
        {
            _gop.Add(packet);
        }

        if (!_decoder.IsOpen && !TryOpen(thread))
        {
            return;
        }

        try
        {
            Send(packet, thread);
            Receive(thread);
        }
        catch (CodecException exception)
        {
            Restart(exception, thread);
        }
    }

    private void Send(Packet packet, PipelineThread thread)
    {
        if (!_decoder.Send(packet, thread))
        {
            _scope.Source.CountDamage();

            // Pictures that refer to a missing one are wrong until the next keyframe; one that nobody refers to leaves no trace.
            _waitsForKeyframe = (packet.Flags & PacketFlags.Disposable) == 0;
        }
    }

    private void Receive(PipelineThread thread)
    {
        while (_decoder.Receive(thread) is { } frame)
        {
            _fanOut.Offer(frame, thread);
        }
    }

    private void Drain(PipelineThread thread)
    {
        if (!_decoder.IsOpen)
        {
            return;
        }

        try
        {
            _decoder.Send(null, thread);
            Receive(thread);
        }
        catch (CodecException exception)
        {
            // The decoder is given up at this point anyway; what it still held is lost with it.
            _scope.Source.CountDamage();
            _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, exception.Message));
        }

        _decoder.Close();
    }

    /// <summary>The daemon says that the device is no good any more: nothing more is asked of it where its GOP can be decoded again.</summary>
    private void Move(Packet packet, PipelineThread thread)
    {
        if (_gop.IsWhole && TryOpen(thread))
        {
            _scope.Link.Log("Information", $"the source is decoded on {_decoder.Place} from its last keyframe on");
            Replay(thread);
        }
        else if (packet.IsKeyframe)
        {
            Drain(thread);
        }
    }

    private void Restart(CodecException exception, PipelineThread thread)
    {
        if (!_restarts.TryRestart())
        {
            _scope.Source.CountDamage();
            _scope.End(new Reason(Reasons.DecoderFailed, $"the video decoder failed again and again: {exception.Message}"));
            _decoder.Close();
            return;
        }

        var failed = _decoder.Place;
        _decoder.GiveUp(exception);
        if (failed != DeviceRef.Cpu && _gop.IsWhole && TryOpen(thread))
        {
            _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, $"{exception.Message}; the GOP is decoded again on {_decoder.Place}"));
            Replay(thread);
            return;
        }

        // A software decoder broke on what it was given, and would again.
        _scope.Source.CountDamage();
        _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, $"{exception.Message}; a new decoder goes on from the next keyframe"));
        _waitsForKeyframe = true;
    }

    private void Replay(PipelineThread thread)
    {
        _lag.CatchUp();
        _fanOut.IsReplaying = true;
        try
        {
            foreach (var packet in _gop.Packets)
            {
                Send(packet, thread);
                Receive(thread);
            }
        }
        catch (CodecException exception)
        {
            _gop.Clear();
            Restart(exception, thread);
        }
        finally
        {
            _fanOut.IsReplaying = false;
        }
    }
}
