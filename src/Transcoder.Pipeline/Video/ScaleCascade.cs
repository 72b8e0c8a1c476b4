using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Planning;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// The distinct sizes of one source frame, each scaled from the next larger one and only when a rendition asks for it. Between <see cref="Begin"/>
/// and <see cref="Finish"/> it holds one reference on each frame it made. One thread.
/// </summary>
internal sealed class ScaleCascade : IDisposable
{
    private readonly IScaler[] _scalers;
    private readonly Frame?[] _frames;
    private Frame? _source;

    public ScaleCascade(IDevice device, IReadOnlyList<PictureSize> sizes)
    {
        _scalers = [.. sizes.Select(size => device.OpenScaler(new VideoFormat(size.Width, size.Height, 0)))];
        _frames = new Frame?[sizes.Count];
    }

    /// <summary>The caller keeps its reference until <see cref="Finish"/>.</summary>
    public void Begin(Frame source) => _source = source;

    /// <summary>The frame in one of the sizes; the caller must add a reference to keep it.</summary>
    public Frame Get(int size)
    {
        for (var i = 0; i <= size; i++)
        {
            _frames[i] ??= _scalers[i].Scale(i == 0 ? _source! : _frames[i - 1]!);
        }

        return _frames[size]!;
    }

    public void Finish()
    {
        for (var i = 0; i < _frames.Length; i++)
        {
            _frames[i]?.Release();
            _frames[i] = null;
        }

        _source = null;
    }

    public void Dispose()
    {
        Finish();
        foreach (var scaler in _scalers)
        {
            scaler.Dispose();
        }
    }
}
