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
    private readonly List<DeviceRef> _order;
    private readonly bool _keepsGop;
    private DeviceRef _place;
    private Track? _track;
    private IDecoder? _decoder;
    private bool _waitsForKeyframe = true;
    private bool _rests;
    private MediaTime? _waitsSince;

    public VideoPath(PipelineScope scope)
    {
        _scope = scope;
        _lag = new LagGate(scope.Time);
        _fanOut = new VideoFanOut(scope, _lag);
        _passthrough = new Passthrough(scope);
        _restarts = RestartBudget.ForCodecs(scope.Time);
        _order = scope.Job.DecodeOrder.Count > 0 ? [.. scope.Job.DecodeOrder] : [DeviceRef.Cpu];
        _keepsGop = _order.Exists(place => place != DeviceRef.Cpu);
    }

    public PacketQueue Queue { get; } = new(QueuedPackets, QueuedBytes);

    public void Run(PipelineThread thread)
    {
        thread.Hung = _fanOut.TellHung;
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
        _decoder?.Dispose();
        _fanOut.Dispose();
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
            foreach (var rendition in _passthrough.Forward(packet))
            {
                _fanOut.Add(rendition);
            }

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
        if (track.Equals(_track) && _decoder is not null)
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
            TryOpen(track);
        }
    }

    private bool TryOpen(Track track)
    {
        _decoder?.Dispose();
        _decoder = null;
        var refusals = new List<string>();
        foreach (var place in _order)
        {
            try
            {
                var device = _scope.Devices.Open(place);
                _decoder = device.OpenDecoder(track);
                _place = place;
                _fanOut.SetSource(device, track);
                return true;
            }
            catch (CodecException exception)
            {
                refusals.Add($"{place}: {exception.Message}");
            }
        }

        _scope.End(new Reason(Reasons.DecoderFailed, $"no device can decode the source's {track.Codec.Name()} video: {string.Join("; ", refusals)}"));
        return false;
    }

    private void Decode(Packet packet, PipelineThread thread)
    {
        _scope.Source.CountVideoPacket();
        _fanOut.Return();
        if (!_fanOut.IsWanted)
        {
            // What a decoder still holds would come out when the first rendition returns.
            _decoder?.Dispose();
            _decoder = null;
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
        if (_keepsGop)
        {
            _gop.Add(packet);
        }

        if (_decoder is null && !TryOpen(_track!))
        {
            return;
        }

        try
        {
            Send(packet);
            Receive(thread);
        }
        catch (CodecException exception)
        {
            Restart(exception, thread);
        }
    }

    private void Send(Packet packet)
    {
        if (!_decoder!.Send(packet))
        {
            _scope.Source.CountDamage();

            // Pictures that refer to a missing one are wrong until the next keyframe; one that nobody refers to leaves no trace.
            _waitsForKeyframe = (packet.Flags & PacketFlags.Disposable) == 0;
        }
    }

    private void Receive(PipelineThread thread)
    {
        while (_decoder!.Receive(out var frame) == CodecStatus.Ok)
        {
            _fanOut.Offer(frame!, thread);
        }
    }

    private void Drain(PipelineThread thread)
    {
        if (_decoder is null)
        {
            return;
        }

        try
        {
            _decoder.Send(null);
            Receive(thread);
        }
        catch (CodecException exception)
        {
            // The decoder is given up at this point anyway; what it still held is lost with it.
            _scope.Source.CountDamage();
            _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, exception.Message));
        }

        _decoder?.Dispose();
        _decoder = null;
    }

    private void Restart(CodecException exception, PipelineThread thread)
    {
        if (!_restarts.TryRestart())
        {
            _scope.Source.CountDamage();
            _scope.End(new Reason(Reasons.DecoderFailed, $"the video decoder failed again and again: {exception.Message}"));
            _decoder!.Dispose();
            _decoder = null;
            return;
        }

        // Another device first, where there is one: this one may be lost.
        var failed = _place;
        _order.Remove(failed);
        _order.Add(failed);
        if (failed != DeviceRef.Cpu && _gop.IsWhole && TryOpen(_track!))
        {
            _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, $"{exception.Message}; the GOP is decoded again on {_place}"));
            Replay(thread);
            return;
        }

        // A software decoder broke on what it was given, and would again.
        _scope.Source.CountDamage();
        _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, $"{exception.Message}; a new decoder goes on from the next keyframe"));
        _decoder?.Dispose();
        _decoder = null;
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
                thread.Busy();
                Send(packet);
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
