using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// The source's decoder at one place after another, with the watch over it. A device's decoder gets as little time as its encoders, and what becomes of it is told to
/// the daemon, so that neither this worker nor the next goes back to a device that hangs. On the decode thread.
/// </summary>
internal sealed class SourceDecoder : IDisposable
{
    // More than any decoder holds back to put pictures in order, in packets of one field each.
    private const int MostDelay = 36;

    private readonly PipelineScope _scope;
    private readonly List<DeviceRef> _order = [];
    private IReadOnlyList<DeviceRef> _ordered;
    private DeviceRef _expected;
    private IDecoder? _decoder;
    private IDevice? _calling;
    private int _unanswered;
    private long _lastPicture;

    public SourceDecoder(PipelineScope scope)
    {
        _scope = scope;
        _ordered = scope.DecodeOrder;
        Follow();
        UsesDevices = _order.Exists(place => place != DeviceRef.Cpu);
    }

    /// <summary>Some decoder of this worker may be a device's.</summary>
    public bool UsesDevices { get; }

    public bool IsOpen => _decoder is not null;

    public DeviceRef Place { get; private set; }

    /// <summary>Where its frames are.</summary>
    public IDevice Device { get; private set; } = null!;

    /// <summary>Frames that wait for an encoder should wait in main memory.</summary>
    public bool IsShortOfFrames => _decoder is { IsShortOfFrames: true };

    /// <summary>Opens one at the first place that takes the source.</summary>
    /// <returns>False: there is none, and the worker ends.</returns>
    public bool TryOpen(Track track, PipelineThread thread)
    {
        Close();
        var refusals = new List<string>();
        foreach (var place in _order)
        {
            try
            {
                Device = _scope.Devices.Open(place);
                Enter(thread, EncoderLimits.Opening);
                _decoder = Device.OpenDecoder(track);
            }
            catch (CodecException exception)
            {
                Report(place, exception);
                refusals.Add($"{place}: {exception.Message}");
                continue;
            }
            finally
            {
                Leave(thread);
            }

            Place = place;
            _unanswered = 0;
            TellPlace();
            return true;
        }

        _scope.End(new Reason(Reasons.DecoderFailed, $"no device can decode the source's {track.Codec.Name()} video: {string.Join("; ", refusals)}"));
        return false;
    }

    /// <returns>False when the packet was damaged and skipped.</returns>
    public bool Send(Packet? packet, PipelineThread thread)
    {
        Enter(thread, EncoderLimits.SilenceOf(Device));
        try
        {
            var taken = _decoder!.Send(packet);
            if (taken && packet is not null && _unanswered++ == 0)
            {
                _lastPicture = _scope.Time.GetTimestamp();
            }

            return taken;
        }
        finally
        {
            Leave(thread);
        }
    }

    /// <returns>The next picture, which is the caller's; null where there is none now.</returns>
    public Frame? Receive(PipelineThread thread)
    {
        Enter(thread, EncoderLimits.SilenceOf(Device));
        try
        {
            if (_decoder!.Receive(out var frame) == CodecStatus.Ok)
            {
                _unanswered = 0;
                return frame;
            }
        }
        finally
        {
            Leave(thread);
        }

        var silence = _scope.Time.GetElapsedTime(_lastPicture);
        return _unanswered > MostDelay && Place != DeviceRef.Cpu && silence > EncoderLimits.SilenceOf(Device)
            ? throw new CodecException($"took {_unanswered} packets and gave no picture for {silence.TotalSeconds:0.0} s")
            : null;
    }

    /// <summary>It failed: another device is tried first, where there is one.</summary>
    public void GiveUp(CodecException exception)
    {
        Report(Place, exception);
        _order.Remove(Place);
        _order.Add(Place);
        Close();
    }

    /// <summary>Whether the daemon has ordered it away from where it is.</summary>
    public bool MustMove()
    {
        if (ReferenceEquals(_ordered, _scope.DecodeOrder))
        {
            return false;
        }

        _ordered = _scope.DecodeOrder;
        Follow();
        if (!IsOpen)
        {
            return false;
        }

        if (_order.Contains(Place))
        {
            // It has gone to a good place by itself meanwhile.
            TellPlace();
            return false;
        }

        return true;
    }

    /// <summary>What it holds is lost. Closing what hangs may hang too, so nobody waits for a device's.</summary>
    public void Close()
    {
        if (_decoder is not { } decoder)
        {
            return;
        }

        _decoder = null;
        var place = Place;
        if (place == DeviceRef.Cpu)
        {
            decoder.Dispose();
        }
        else
        {
            _scope.CloseAside("decoder", decoder, closed: () => { }, hung: () => Tell(new DecoderFailed(place, Hangs: true, "closing the decoder did not return")));
        }
    }

    /// <summary>For the watchdog.</summary>
    /// <returns>Whether it is the decoder that hangs.</returns>
    public bool TellHung()
    {
        if (Volatile.Read(ref _calling) is not { } device)
        {
            return false;
        }

        Tell(new DecoderFailed(new DeviceRef(device.Id, device.Kind), Hangs: true, $"a call to the decoder on {device.Name} did not return"));
        return true;
    }

    /// <summary>Once the thread has ended.</summary>
    public void Dispose() => _decoder?.Dispose();

    private void Follow()
    {
        _order.Clear();
        _order.AddRange(_ordered.Count > 0 ? _ordered : [DeviceRef.Cpu]);
        _expected = _order[0];
    }

    private void TellPlace()
    {
        if (Place != _expected)
        {
            _expected = Place;
            _scope.Link.SendJson(WorkerMessageType.DecoderStarted, 0, new DecoderStarted(Place), WorkerJson.Default.DecoderStarted);
        }
    }

    private void Report(DeviceRef place, CodecException exception)
    {
        if (place != DeviceRef.Cpu && exception.Error != CodecException.NotSupported)
        {
            Tell(new DecoderFailed(place, Hangs: false, exception.Message));
        }
    }

    private void Tell(DecoderFailed failed) => _scope.Link.SendJson(WorkerMessageType.DecoderFailed, 0, failed, WorkerJson.Default.DecoderFailed);

    private void Enter(PipelineThread thread, TimeSpan limit)
    {
        Volatile.Write(ref _calling, Device);
        thread.Busy(Device.Kind == DeviceRef.Cpu.Kind ? PipelineThread.WorkLimit : limit);
    }

    private void Leave(PipelineThread thread)
    {
        thread.Busy();
        Volatile.Write(ref _calling, null);
    }
}
