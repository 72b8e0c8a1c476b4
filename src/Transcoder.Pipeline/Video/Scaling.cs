using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Brings a source frame to the devices that encode it: once to each, then from size to size there. What a device can't scale the CPU scales. One thread.
/// </summary>
/// <param name="log">For a person: a device that does not scale.</param>
/// <param name="close">Takes a device's scalers that are no longer needed: closing them may take as long as its driver likes.</param>
internal sealed class Scaling(IDevice cpu, Action<string> log, Action<IDisposable> close) : IDisposable
{
    private readonly Dictionary<IDevice, ScaleCascade> _cascades = [];
    private readonly HashSet<IDevice> _failing = [];
    private IScaler? _carrier;
    private (int Width, int Height) _carries;
    private Frame? _source;
    private Frame? _carried;
    private IDevice? _sourceOn;
    private IDevice? _at;

    /// <summary>The device whose scaler is called just now; for the watchdog.</summary>
    public IDevice? At => Volatile.Read(ref _at);

    /// <summary>The caller keeps its reference until <see cref="Finish"/>.</summary>
    /// <param name="carry">The frame shall not wait on its device: it is brought to main memory first.</param>
    public void Begin(Frame source, IDevice on, bool carry, PipelineThread thread)
    {
        if (carry && on != cpu && TryCarry(source, on, thread))
        {
            (source, on) = (_carried!, cpu);
        }

        _source = source;
        _sourceOn = on;
        foreach (var cascade in _cascades.Values)
        {
            cascade.Begin(source);
        }
    }

    /// <summary>The picture for an encoder, with a reference of the caller's own.</summary>
    /// <param name="device">Where it is wanted; null: nobody knows yet, so the source frame itself.</param>
    /// <exception cref="CodecException">Neither the device nor the CPU can scale it.</exception>
    public Picture Get(IDevice? device, PictureSize size, bool keyframe, PipelineThread thread)
    {
        var frame = _source!;
        var on = _sourceOn!;
        if (device is not null)
        {
            (frame, on) = Scale(device, size, thread);
        }

        var original = on != _sourceOn && _sourceOn == cpu ? _source : null;
        var picture = new Picture(frame, on, original, keyframe);
        picture.AddReference();
        return picture;
    }

    public void Finish()
    {
        foreach (var cascade in _cascades.Values)
        {
            cascade.Finish();
        }

        _source = null;
        _carried?.Release();
        _carried = null;
    }

    /// <summary>The source is another one: scalers are opened for it anew.</summary>
    public void Reset()
    {
        foreach (var cascade in _cascades.Values)
        {
            cascade.Close();
        }

        _cascades.Clear();
    }

    public void Dispose()
    {
        foreach (var cascade in _cascades.Values)
        {
            cascade.Dispose();
        }

        _carrier?.Dispose();
    }

    private bool TryCarry(Frame source, IDevice on, PipelineThread thread)
    {
        try
        {
            thread.Busy(EncoderLimits.SilenceOf(on));
            Volatile.Write(ref _at, on);
            if (_carrier is null || _carries != (source.Width, source.Height))
            {
                _carrier?.Dispose();
                _carrier = cpu.OpenScaler(new VideoFormat(source.Width, source.Height, 0));
                _carries = (source.Width, source.Height);
            }

            _carried = _carrier.Scale(source);
            return true;
        }
        catch (CodecException)
        {
            // The device may be going just now, and its frames with it.
            return false;
        }
        finally
        {
            Volatile.Write(ref _at, null);
            thread.Busy();
        }
    }

    private (Frame Frame, IDevice On) Scale(IDevice device, PictureSize size, PipelineThread thread)
    {
        try
        {
            if (device != cpu)
            {
                thread.Busy(EncoderLimits.SilenceOf(device));
            }

            Volatile.Write(ref _at, device);
            var scaled = On(device).Get(size);
            _failing.Remove(device);
            return (scaled, device);
        }
        catch (CodecException exception) when (device != cpu)
        {
            // The device may be going just now: its encoder will say so. Until then its pictures come from the CPU.
            if (_failing.Add(device))
            {
                log($"{device.Name} does not scale, the CPU does: {exception.Message}");
            }

            thread.Busy();
            return (On(cpu).Get(size), cpu);
        }
        finally
        {
            Volatile.Write(ref _at, null);
            thread.Busy();
        }
    }

    private ScaleCascade On(IDevice device)
    {
        if (!_cascades.TryGetValue(device, out var cascade))
        {
            _cascades.Add(device, cascade = new ScaleCascade(device, device == cpu ? static scaler => scaler.Dispose() : close));
            cascade.Begin(_source!);
        }

        return cascade;
    }
}
