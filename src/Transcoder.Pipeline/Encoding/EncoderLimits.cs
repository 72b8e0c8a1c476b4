using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;

namespace Transcoder.Pipeline.Encoding;

/// <summary>How long an encoder may take before it counts as hung.</summary>
internal static class EncoderLimits
{
    /// <summary>A first session on a busy GPU takes about three seconds.</summary>
    public static readonly TimeSpan Opening = TimeSpan.FromSeconds(10);

    /// <summary>One call, or no output while frames go in.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(1.5);

    /// <summary>Software hangs in no driver; on an overloaded machine it is slow.</summary>
    public static readonly TimeSpan SoftwareSilence = TimeSpan.FromSeconds(20);

    // Frames that a software encoder may hold before its first output: look-ahead and its threads.
    private const int SoftwareDelay = 36;

    /// <summary>Frames beyond the delay that the session has shown.</summary>
    public const int MoreDelay = 4;

    public static TimeSpan SilenceOf(IDevice device) => IsSoftware(device) ? SoftwareSilence : Silence;

    /// <summary>Frames that a session may hold before its first output. The tables let a device's encoder hold none but what B-frames need.</summary>
    public static int FirstDelayOf(IDevice device, VideoEncoderSettings settings) => IsSoftware(device) ? SoftwareDelay : settings.BFrames + 1;

    private static bool IsSoftware(IDevice device) => device.Kind == DeviceRef.Cpu.Kind;
}
