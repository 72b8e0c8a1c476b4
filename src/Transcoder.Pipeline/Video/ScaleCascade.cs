using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Planning;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// The distinct sizes of one source frame on one device, each made when a rendition asks for it, from the next larger one that is there already or from
/// the source. Between <see cref="Begin"/> and <see cref="Finish"/> it holds one reference on each frame it made. One thread.
/// </summary>
/// <param name="close">Takes what is no longer needed.</param>
internal sealed class ScaleCascade(IDevice device, Action<IDisposable> close) : IDisposable
{
    // A size that nobody asked for during this many frames is given up.
    private const int Unused = 600;

    private readonly List<Step> _steps = [];
    private Frame? _source;
    private long _frames;

    /// <summary>The caller keeps its reference until <see cref="Finish"/>.</summary>
    public void Begin(Frame source)
    {
        _source = source;
        _frames++;
    }

    /// <summary>The frame in one of the sizes; the caller must add a reference to keep it.</summary>
    /// <exception cref="CodecException">The device can't.</exception>
    public Frame Get(PictureSize size)
    {
        var step = _steps.Find(each => each.Size == size);
        if (step is null)
        {
            _steps.Add(step = new Step(size, device.OpenScaler(new VideoFormat(size.Width, size.Height, 0))));
        }

        step.UsedAt = _frames;
        return step.Frame ??= step.Scaler.Scale(SmallestAbove(size) ?? _source!);
    }

    public void Finish()
    {
        for (var i = _steps.Count - 1; i >= 0; i--)
        {
            _steps[i].Frame?.Release();
            _steps[i].Frame = null;
            if (_frames - _steps[i].UsedAt > Unused)
            {
                close(_steps[i].Scaler);
                _steps.RemoveAt(i);
            }
        }

        _source = null;
    }

    /// <summary>The scalers go the way of those that are no longer needed.</summary>
    public void Close()
    {
        Finish();
        _steps.ForEach(step => close(step.Scaler));
        _steps.Clear();
    }

    public void Dispose()
    {
        Finish();
        _steps.ForEach(step => step.Scaler.Dispose());
    }

    private Frame? SmallestAbove(PictureSize size)
    {
        Step? best = null;
        foreach (var step in _steps)
        {
            if (step.Frame is not null && step.Size.Width >= size.Width && step.Size.Height >= size.Height && (best is null || step.Size.Width < best.Size.Width))
            {
                best = step;
            }
        }

        return best?.Frame;
    }

    private sealed class Step(PictureSize size, IScaler scaler)
    {
        public PictureSize Size => size;

        public IScaler Scaler => scaler;

        public Frame? Frame { get; set; }

        public long UsedAt { get; set; }
    }
}
