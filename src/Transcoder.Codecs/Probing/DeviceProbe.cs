using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Probing;

/// <summary>
/// What this machine can decode, scale and encode. A driver may hang or kill the process that asks it: so each subject is for a child process of its own,
/// and only <see cref="Subjects"/> and <see cref="Known"/>, which ask no driver, are for the parent.
/// </summary>
public static class DeviceProbe
{
    public const string Cpu = "cpu";

    /// <summary>Lists NVIDIA's cards and tries none: each is a subject of its own by its id.</summary>
    public const string Nvidia = "nvidia";

    /// <summary>What can be found without asking a driver; <see cref="Nvidia"/> first finds the others.</summary>
    public static IReadOnlyList<string> Subjects => [Cpu, Nvidia, .. RenderProbe.Addresses];

    /// <summary>The subject without any capability: what stands in the report when its process never answered. Null for a list of cards.</summary>
    public static DeviceReport? Known(string subject) => subject switch
    {
        Nvidia => null,
        Cpu => new DeviceReport(Cpu, "CPU", "cpu", "", "FFmpeg", false, 0, false, [], []),
        _ => RenderProbe.Describe(subject),
    };

    /// <summary>Asks. Reports grow: each one published replaces those before.</summary>
    /// <exception cref="CodecException">The native library is missing, or the device is not there.</exception>
    public static void Run(string subject, Action<ProbeReport> publish)
    {
        var libraries = DeviceCatalog.LibraryVersions;
        switch (subject)
        {
            case Cpu:
                CpuProbe.Run(Publish);
                break;
            case Nvidia:
                publish(NvidiaProbe.List());
                break;
            case not null when RenderProbe.Addresses.Contains(subject):
                RenderProbe.Run(subject, Publish);
                break;
            default:
                NvidiaProbe.Run(subject!, Publish);
                break;
        }

        void Publish(DeviceReport device) => publish(new ProbeReport([device], [], libraries));
    }
}
