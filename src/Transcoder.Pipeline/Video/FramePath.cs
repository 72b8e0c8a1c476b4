using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Pipeline.Encoding;

namespace Transcoder.Pipeline.Video;

/// <summary>The decoded source as the encode side sees it. Immutable: a change makes another.</summary>
/// <param name="Device">Where it is decoded.</param>
/// <param name="Codec">FFmpeg's name of the source's codec.</param>
internal sealed record FramePath(IDevice Device, string Codec, int Width, int Height, double FrameRate)
{
    public DeviceRef Place => new(Device.Id, Device.Kind);

    /// <summary>The way of the frames to an encoder, for a person.</summary>
    public string To(VideoSession session, IDevice cpu)
    {
        var decoded = $"{Codec} on {Device.Name}";
        return (Device == session.ScalesOn, session.ScalesOn == session.Device) switch
        {
            (true, true) when Device == cpu => decoded,
            (true, true) => $"{decoded}, frames stay there",
            (false, true) when Device == cpu => $"{decoded}, uploaded once, scaled on {session.Device.Name}",
            (false, true) when session.Device == cpu => $"{decoded}, downloaded, scaled on {session.Device.Name}",
            (false, true) => $"{decoded}, carried over through memory, scaled on {session.Device.Name}",
            (true, false) => $"{decoded}, scaled there, {session.Device.Name} has no scale engine and takes each size from memory",
            _ => $"{decoded}, downloaded and scaled on the CPU, {session.Device.Name} has no scale engine and takes each size from memory",
        };
    }
}
