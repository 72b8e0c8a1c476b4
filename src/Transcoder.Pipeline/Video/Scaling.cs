using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// Brings a source frame to the devices that encode it: once to each, then from size to size there. What a device can't scale the CPU scales. One thread.
/// </summary>
/// <param name="log">For a person: a device that does not scale.</param>
internal sealed class Scaling(IDevice cpu, Action<string> log) : IDisposable
{
    private readonly Dictionary<IDevice, ScaleCascade> _cascades = [];
    private readonly HashSet<IDevice> _failing = [];
    private Frame? _source;
    private IDevice? _sourceOn;
    private IDevice? _at;

    /// <summary>The device whose scaler is called just now; for the watchdog.</summary>
    public IDevice? At => Volatile.Read(ref _at);

    /// <summary>The caller keeps its reference until <see cref="Finish"/>.</summary>
    public void Begin(Frame source, IDevice on)
    {
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
    }

    /// <summary>The source is another one: scalers are opened for it anew.</summary>
    public void Reset()
    {
        foreach (var cascade in _cascades.Values)
        {
            cascade.Dispose();
        }

        _cascades.Clear();
    }

    public void Dispose() => Reset();

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
            _cascades.Add(device, cascade = new ScaleCascade(device));
            cascade.Begin(_source!);
        }

        return cascade;
    }
}
