using System.Runtime.InteropServices;
using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Qsv;
using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Probing;

/// <summary>GPUs behind the kernel's render nodes: Intel over VA-API and Quick Sync, AMD over VA-API.</summary>
internal static class RenderProbe
{
    // NVIDIA's cards have nodes, too, and are asked over their own interface.
    public static IReadOnlyList<string> Addresses => [.. RenderNode.All().Where(node => node.Vendor != SystemTree.Nvidia).Select(node => node.Address)];

    /// <summary>What is known before any driver is asked: also what stands in the report when one hangs.</summary>
    public static DeviceReport Describe(string address)
    {
        var node = RenderNode.Find(address) ?? throw new CodecException($"{address} is not there: no render node has this address");
        return new DeviceReport(address, node.Name, node.VendorName, address, $"kernel driver {node.Driver}", IsSimulated: false, 0, Consumer: false, [], []);
    }

    public static void Run(string address, Action<DeviceReport> publish)
    {
        var report = Describe(address);
        var node = RenderNode.Find(address)!;
        if (Refusal(node) is { } refusal)
        {
            publish(report with { Findings = [refusal] });
            return;
        }

        // Loaded here as libva would, to see whose it is.
        if (NativeLibrary.TryLoad("libva-drm.so.2", out var library) && NativeLibrary.TryGetExport(library, SimulatedDriver.Marker, out _))
        {
            report = report with { IsSimulated = true, Findings = [EngineProbe.Simulated] };
        }

        var draft = new DeviceDraft(report, publish);
        draft.Publish();
        Interface(new VaapiDevice(address), draft, isExpected: true);
        if (node.Vendor == SystemTree.Intel)
        {
            Interface(new QsvDevice(address), draft, isExpected: false);
        }

        if (!draft.Has(EngineKind.Encode) && draft.Has(EngineKind.Scale))
        {
            draft.Find(new Reason(Reasons.NoEncodeEngine, "This GPU has no encode engine, or its driver leaves it out (Intel: install intel-media-va-driver-non-free). It is not used for encoding"));
        }

        draft.Publish();
    }

    /// <param name="isExpected">Its failure is a finding; otherwise the device does without.</param>
    private static void Interface(HardwareDevice device, DeviceDraft draft, bool isExpected)
    {
        using (device)
        {
            try
            {
                device.Connect();
            }
            catch (CodecException refusal)
            {
                if (isExpected)
                {
                    draft.Find(new Reason(
                        Reasons.NoDriver,
                        $"{refusal.Message}. Install the VA-API driver of this GPU (Intel: intel-media-va-driver, AMD: mesa-va-drivers), then try `vainfo`"));
                }

                return;
            }

            EngineProbe.ScaleAndDecode(device, draft, Explain);
            foreach (var row in device.Encoders.Where(row => row.IsInstalled))
            {
                var candidate = new EngineCapability(EngineKind.Encode, device.Kind, row.Codec, row.Name, 0, 0, 0, null);
                draft.Try(candidate, () =>
                {
                    using var tests = new EngineTests(device);
                    tests.Encode(row.Codec, bFrames: 0);
                    return candidate with { MaxBFrames = Reorders(tests, row.Codec) ? EngineProbe.TriedBFrames : 0 };
                }, Explain);
            }
        }
    }

    /// <summary>Drivers without B-frames refuse them, or leave them out in silence.</summary>
    private static bool Reorders(EngineTests tests, CodecId codec)
    {
        try
        {
            return codec is CodecId.H264 or CodecId.Hevc && tests.Encode(codec, EngineProbe.TriedBFrames);
        }
        catch (CodecException)
        {
            // An answer, not a failure: it encodes without them.
            return false;
        }
    }

    /// <returns>Null: the GPU has no such engine.</returns>
    private static Reason? Explain(CodecException refusal) =>
        IsAbsent(refusal.Message)
            ? null
            : refusal.Message.Contains("HW busy", StringComparison.Ordinal)
                ? new Reason(Reasons.SessionLimit, $"The driver opens no more encoder sessions now ({refusal.Message}): end other programs that encode")
                : new Reason(Reasons.ProbeFailed, refusal.Message);

    // FFmpeg's words where a VA-API driver doesn't list the codec, and Quick Sync's.
    private static bool IsAbsent(string words) =>
        words.Contains("No usable encoding profile found", StringComparison.Ordinal)
        || words.Contains("No usable encoding entrypoint found", StringComparison.Ordinal)
        || words.Contains("Failed to query entrypoints", StringComparison.Ordinal)
        || words.Contains("unsupported (-3)", StringComparison.Ordinal);

    private static Reason? Refusal(RenderNode node)
    {
        try
        {
            using var file = new FileStream(node.Path, FileMode.Open, FileAccess.ReadWrite);
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return new Reason(
                Reasons.NoPermission,
                $"{node.Path} may not be opened by this user: add it to the group render (`sudo usermod -aG render USER`, for the service its SupplementaryGroups) and start again");
        }
        catch (IOException e)
        {
            return new Reason(Reasons.ProbeFailed, $"{node.Path} can't be opened: {e.Message}");
        }
    }
}
