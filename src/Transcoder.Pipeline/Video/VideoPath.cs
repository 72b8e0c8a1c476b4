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

    // A source with periodic intra refresh never sends another keyframe: after so long without one, decode what comes.
    private static readonly MediaTime LongestWait = MediaTime.FromSeconds(5);

    private readonly PipelineScope _scope;
    private readonly LagGate _lag;
    private readonly VideoFanOut _fanOut;
    private readonly RestartBudget _restarts;
    private readonly List<DeviceRef> _order;
    private DeviceRef _place;
    private Track? _track;
    private IDecoder? _decoder;
    private bool _waitsForKeyframe = true;
    private MediaTime? _waitsSince;

    public VideoPath(PipelineScope scope)
    {
        _scope = scope;
        _lag = new LagGate(scope.Time);
        _fanOut = new VideoFanOut(scope, _lag);
        _restarts = RestartBudget.ForCodecs(scope.Time);
        _order = scope.Job.DecodeOrder.Count > 0 ? [.. scope.Job.DecodeOrder] : [DeviceRef.Cpu];
    }

    public PacketQueue Queue { get; } = new(QueuedPackets, QueuedBytes);

    public void Run(PipelineThread thread)
    {
        thread.Hung = _fanOut.TellHung;
        while (Next(thread, out var item))
        {
            if (item.Track is { } track)
            {
                ChangeTrack(track, thread);
            }
            else if (item.Packet is { } packet)
            {
                try
                {
                    _lag.Observe(item.LagMilliseconds, item.Arrival);
                    Decode(packet, thread);
                }
                finally
                {
                    packet.Release();
                }
            }
            else
            {
                Drain(thread);
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

    private void ChangeTrack(Track track, PipelineThread thread)
    {
        if (track.Equals(_track) && _decoder is not null)
        {
            return;
        }

        Drain(thread);
        _track = track;
        Open(track);
    }

    private void Open(Track track)
    {
        _decoder?.Dispose();
        _decoder = null;
        _waitsForKeyframe = true;
        _waitsSince = null;
        var refusals = new List<string>();
        foreach (var place in _order)
        {
            try
            {
                var device = _scope.Devices.Open(place);
                _decoder = device.OpenDecoder(track);
                _place = place;
                _fanOut.SetSource(device, track);
                return;
            }
            catch (CodecException exception)
            {
                refusals.Add($"{place}: {exception.Message}");
            }
        }

        _scope.End(new Reason(Reasons.DecoderFailed, $"no device can decode the source's {track.Codec.Name()} video: {string.Join("; ", refusals)}"));
    }

    private void Decode(Packet packet, PipelineThread thread)
    {
        _scope.Source.CountVideoPacket();
        if (_decoder is null || !_fanOut.IsWanted)
        {
            _waitsForKeyframe = true;
            return;
        }

        if (_waitsForKeyframe && !packet.IsKeyframe)
        {
            _waitsSince ??= packet.Dts;
            if (packet.Dts - _waitsSince < LongestWait)
            {
                _scope.Source.CountDamage();
                return;
            }
        }

        _waitsForKeyframe = false;
        _waitsSince = null;
        try
        {
            if (!_decoder.Send(packet))
            {
                _scope.Source.CountDamage();

                // Pictures that refer to a missing one are wrong until the next keyframe; one that nobody refers to leaves no trace.
                _waitsForKeyframe = (packet.Flags & PacketFlags.Disposable) == 0;
            }

            Receive(thread);
        }
        catch (CodecException exception)
        {
            Restart(exception);
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

        _decoder.Dispose();
        _decoder = null;
    }

    private void Restart(CodecException exception)
    {
        _scope.Source.CountDamage();
        if (!_restarts.TryRestart())
        {
            _scope.End(new Reason(Reasons.DecoderFailed, $"the video decoder failed again and again: {exception.Message}"));
            _decoder!.Dispose();
            _decoder = null;
            return;
        }

        // Another device first, where there is one: this one may be lost.
        _order.Remove(_place);
        _order.Add(_place);
        _scope.Link.Log("Warning", new Reason(Reasons.DecoderFailed, $"{exception.Message}; a new decoder goes on from the next keyframe"));
        Open(_track!);
    }
}
