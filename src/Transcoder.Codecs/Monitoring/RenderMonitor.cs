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
            (long?)SystemFile.Number(Path.Combine(folder, "mem_info_vram_used")),
            (long?)SystemFile.Number(Path.Combine(folder, "mem_info_vram_total")),
            Sensor("temp1_input") / 1000,
            (Sensor("power1_average") ?? Sensor("power1_input")) / 1_000_000,
            Clock(folder),
            [],
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

    /// <summary>Intel's GT clock in MHz; AMD's in the list of power states, the one with the star.</summary>
    private double? Clock(string folder)
    {
        if (SystemFile.Folders(Path.Combine(folder, "drm")).Select(card => SystemFile.Number(Path.Combine(card, "gt_act_freq_mhz"))).FirstOrDefault(value => value is not null) is { } mega)
        {
            return mega * 1_000_000;
        }

        // Each line is like "2: 1800Mhz *".
        var current = SystemFile.Lines(Path.Combine(folder, "pp_dpm_sclk")).FirstOrDefault(line => line.EndsWith('*'));
        var digits = current is null ? "" : new string([.. current[(current.IndexOf(':', StringComparison.Ordinal) + 1)..].Where(char.IsAsciiDigit)]);
        return double.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var megahertz) ? megahertz * 1_000_000 : null;
    }
}
