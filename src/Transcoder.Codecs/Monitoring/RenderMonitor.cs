using System.Diagnostics;
using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Media.Devices;

namespace Transcoder.Codecs.Monitoring;

/// <summary>An Intel or AMD GPU by the kernel's figures: busy time per engine from fdinfo, the rest from sysfs. No driver is called.</summary>
internal sealed class RenderMonitor(RenderNode node)
{
    // The kernel's engine names. Intel's video engines encode and decode alike, so their share stands for both.
    private static readonly string[] Encode = ["enc", "enc_1", "video"];
    private static readonly string[] Decode = ["dec", "dec_1", "video"];
    private static readonly string[] Compute = ["render", "gfx", "compute"];

    // i915's and xe's names for a card's own memory; a GPU without any uses the machine's.
    private static readonly string[] OwnMemory = ["local", "vram"];
    private static readonly string[] SharedMemory = ["system"];

    // i915's files gt/gtN/throttle_reason_WORD.
    private static readonly string[] Throttles = ["pl1", "pl2", "pl4", "thermal", "prochot", "ratl", "vr_thermalert", "vr_tdc"];

    private Dictionary<(string Client, string Engine), long> _before = [];
    private long _at;

    public DeviceSample Sample(IReadOnlyList<EngineUsage> usage)
    {
        var mine = usage.Where(client => client.Address == node.Address).ToArray();
        var now = Stopwatch.GetTimestamp();
        var seconds = _at == 0 ? 0 : Stopwatch.GetElapsedTime(_at, now).TotalSeconds;
        var busy = Shares(mine, seconds);
        _before = mine.SelectMany(client => client.Engines.Select(engine => ((client.Client, engine.Key), engine.Value))).ToDictionary(entry => entry.Item1, entry => entry.Value);
        _at = now;

        var folder = SystemFile.PathOf($"sys/bus/pci/devices/{node.Address}");
        var sensors = SystemFile.Folders(Path.Combine(folder, "hwmon"));
        return new DeviceSample(
            node.Address,
            Of(Encode),
            Of(Decode),
            SystemFile.Number(Path.Combine(folder, "gpu_busy_percent")) / 100 ?? Of(Compute),
            (long?)SystemFile.Number(Path.Combine(folder, "mem_info_vram_used")) ?? Resident(mine, OwnMemory) ?? Resident(mine, SharedMemory),
            (long?)(SystemFile.Number(Path.Combine(folder, "mem_info_vram_total")) ?? OfCard(folder, "lmem_total_bytes")),
            Sensor("temp1_input") / 1000,
            (Sensor("power1_average") ?? Sensor("power1_input")) / 1_000_000,
            Clock(folder),
            [.. Throttles.Where(word => OfCard(folder, $"gt/gt0/throttle_reason_{word}") > 0).Select(word => $"gt_{word}")],
            Sessions: null,
            Lost: null);

        double? Of(string[] engines) => seconds == 0 || !busy.Keys.Any(engines.Contains) ? null : engines.Max(engine => busy.GetValueOrDefault(engine));

        double? Sensor(string name) => sensors.Select(sensor => SystemFile.Number(Path.Combine(sensor, name))).FirstOrDefault(value => value is not null);
    }

    private Dictionary<string, double> Shares(EngineUsage[] clients, double seconds)
    {
        var shares = new Dictionary<string, double>();
        foreach (var client in clients)
        {
            foreach (var (engine, busy) in client.Engines)
            {
                // A client that is new has all its time in this interval, or nearly.
                var more = Math.Max(0, busy - _before.GetValueOrDefault((client.Client, engine))) / 1e9;
                var engines = Math.Max(1, client.Capacities.GetValueOrDefault(engine, 1));
                shares[engine] = Math.Min(1, shares.GetValueOrDefault(engine) + (seconds > 0 ? more / seconds / engines : 0));
            }
        }

        return shares;
    }

    private static double? OfCard(string folder, string file) =>
        SystemFile.Folders(Path.Combine(folder, "drm")).Select(card => SystemFile.Number(Path.Combine(card, file))).FirstOrDefault(value => value is not null);

    /// <returns>Null where no client tells of such memory.</returns>
    private static long? Resident(EngineUsage[] clients, string[] regions)
    {
        var bytes = clients.SelectMany(client => client.Resident).Where(region => Array.Exists(regions, name => region.Key.StartsWith(name, StringComparison.Ordinal))).ToArray();
        return bytes.Length == 0 ? null : bytes.Sum(region => region.Value);
    }

    /// <summary>Intel's GT clock in MHz; AMD's in the list of power states, the one with the star.</summary>
    private double? Clock(string folder)
    {
        if (OfCard(folder, "gt_act_freq_mhz") is { } mega)
        {
            return mega * 1_000_000;
        }

        // Each line is like "2: 1800Mhz *".
        var current = SystemFile.Lines(Path.Combine(folder, "pp_dpm_sclk")).FirstOrDefault(line => line.EndsWith('*'));
        var digits = current is null ? "" : new string([.. current[(current.IndexOf(':', StringComparison.Ordinal) + 1)..].Where(char.IsAsciiDigit)]);
        return double.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var megahertz) ? megahertz * 1_000_000 : null;
    }
}
