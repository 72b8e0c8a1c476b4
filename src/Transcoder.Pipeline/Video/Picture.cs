using Transcoder.Media.Packets;
using Transcoder.Media.Ports;

namespace Transcoder.Pipeline.Video;

/// <summary>A frame on its way to an encoder.</summary>
/// <param name="On">The device that has it.</param>
/// <param name="Original">
/// The decoded frame in memory where <paramref name="Frame"/> lies on a device of its own: should that device be lost, another one makes the picture
/// again. Else null.
/// </param>
/// <param name="Keyframe">An IDR is due here.</param>
internal readonly record struct Picture(Frame Frame, IDevice On, Frame? Original, bool Keyframe)
{
    public void AddReference()
    {
        Frame.AddReference();
        Original?.AddReference();
    }

    public void Release()
    {
        Frame.Release();
        Original?.Release();
    }
}
