using Transcoder.Media.Buffers;
using Transcoder.Media.Time;

namespace Transcoder.Media.Packets;

/// <summary>A decoded picture or run of samples: opaque, shared by reference count, never leaves the worker process; on a GPU path it stays on the GPU.</summary>
public abstract class Frame : RefCounted
{
    public MediaTime Pts { get; protected set; }

    /// <summary>Pixels; zero for audio.</summary>
    public int Width { get; protected set; }

    public int Height { get; protected set; }

    /// <summary>Sample aspect ratio, 1 for square or unknown.</summary>
    public double SampleAspectRatio { get; protected set; } = 1;

    /// <summary>The picture's colour; an encoder opened for such frames repeats it.</summary>
    public ColorDescription Color { get; protected set; }

    /// <summary>Samples per channel; zero for video.</summary>
    public int Samples { get; protected set; }

    /// <summary>Hz; zero for video.</summary>
    public int SampleRate { get; protected set; }

    public int Channels { get; protected set; }
}
