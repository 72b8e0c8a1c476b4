using System.Text.RegularExpressions;
using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Codecs.Native;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Probing;

/// <summary>NVIDIA's cards.</summary>
internal static partial class NvidiaProbe
{
    /// <summary>The cards, nothing of them tried yet.</summary>
    public static ProbeReport List()
    {
        try
        {
            var driver = CudaDriver.Load();
            using var nvml = Nvml.TryOpen();
            return new ProbeReport([.. driver.Cards().Select(card => Describe(card, driver, nvml))], [], DeviceCatalog.LibraryVersions);
        }
        catch (CodecException refusal)
        {
            return new ProbeReport([], NvidiaRefusals.OfDriver(refusal) is { } finding ? [finding] : [], DeviceCatalog.LibraryVersions);
        }
    }

    public static void Run(string id, Action<DeviceReport> publish)
    {
        var driver = CudaDriver.Load();
        using var nvml = Nvml.TryOpen();
        var card = driver.Cards().FirstOrDefault(c => c.Id == id) ?? throw new CodecException($"{id} is not there: CUDA does not list it");
        var draft = new DeviceDraft(Describe(card, driver, nvml), publish);
        draft.Publish();
        using var device = new NvidiaDevice(id);
        try
        {
            device.Connect();
        }
        catch (CodecException refusal)
        {
            draft.Find(Explain(refusal, nvml, driver, id) ?? new Reason(Reasons.ProbeFailed, refusal.Message));
            draft.Publish();
            return;
        }

        // Sessions last: of all engines theirs hang the most.
        EngineProbe.ScaleAndDecode(device, draft, refusal => Explain(refusal, nvml, driver, id));
        Encode(device, draft, refusal => Explain(refusal, nvml, driver, id));
        draft.Publish();
    }

    private static void Encode(NvidiaDevice device, DeviceDraft draft, Func<CodecException, Reason?> explain)
    {
        var installed = device.Encoders.Where(row => row.IsInstalled).ToList();
        if (installed.Count == 0)
        {
            draft.Find(new Reason(Reasons.NotCapable, "The installed FFmpeg was built without NVENC. Install the distribution's own FFmpeg libraries"));
            return;
        }

        foreach (var row in installed)
        {
            var candidate = new EngineCapability(EngineKind.Encode, device.Kind, row.Codec, row.Name, 0, 0, 0, null);
            draft.Try(candidate, () =>
            {
                using var tests = new EngineTests(device);
                tests.Encode(row.Codec, bFrames: 0);
                return Shim.NvencAsk(device.Connect(), row.Codec.Name(), out var caps) == Shim.Ok
                    ? candidate with { MaxWidth = caps.MaxWidth, MaxHeight = caps.MaxHeight, MinWidth = caps.MinWidth, MinHeight = caps.MinHeight, MaxBFrames = caps.MaxBFrames }
                    : candidate;
            }, refusal =>
            {
                if (explain(refusal) is not { } reason)
                {
                    return null;
                }

                draft.Find(reason);
                return reason;
            });
        }

        if (!draft.Has(EngineKind.Encode))
        {
            draft.Find(new Reason(
                Reasons.NoEncodeEngine,
                "This card has no encode engine, as A100, H100 and H200 have none. It decodes and scales; its pictures are encoded in software or on another card. Nothing is broken"));
        }
    }

    private static Reason? Explain(CodecException refusal, Nvml? nvml, CudaDriver driver, string id)
    {
        // The simulated driver has no NVDEC, on purpose.
        if (driver.IsSimulated && refusal.Message.Contains("libnvcuvid", StringComparison.Ordinal))
        {
            return null;
        }

        // The limit is one of the whole machine.
        var sessions = nvml is null ? null : driver.Cards().Select(card => nvml.EncoderSessions(card.Id)?.Count).Aggregate((int?)0, (sum, count) => sum + count);
        return NvidiaRefusals.OfSession(refusal, nvml?.Memory(id)?.Free, sessions, SystemTree.IsContainer);
    }

    /// <summary>
    /// The limit is NVIDIA's policy for its consumer line and the smallest professional cards (Quadro K2200, M1200 and P1000 downwards, T400 to T1200, by its table of
    /// encoders); the name is all that tells it.
    /// </summary>
    public static bool IsConsumer(string name) =>
        name.Contains("GeForce", StringComparison.OrdinalIgnoreCase) || name.Contains("TITAN", StringComparison.OrdinalIgnoreCase) || SmallProfessional().IsMatch(name);

    [GeneratedRegex(@"\b(Quadro (K(\d{3}|1200|2000|2200)|M(\d{3}|1000|1200)|P(\d{3}|1000))|T(\d{3}|1000|1200))\b")]
    private static partial Regex SmallProfessional();

    private static DeviceReport Describe(CudaCard card, CudaDriver driver, Nvml? nvml) => new(
        card.Id,
        card.Name,
        "nvidia",
        card.Address,
        $"NVIDIA {nvml?.DriverVersion() ?? "of unknown version"}",
        driver.IsSimulated,
        nvml?.Memory(card.Id)?.Total ?? 0,

        IsConsumer(card.Name),
        [],
        driver.IsSimulated ? [EngineProbe.Simulated] : []);
}
