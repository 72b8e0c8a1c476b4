using System.Globalization;
using Transcoder.Media.Devices;

namespace Transcoder.Codecs.Monitoring;

/// <summary>The CPU by /proc and /sys. Its three engines are one: the busy share stands for each of them.</summary>
internal sealed class CpuMonitor
{
    // Drivers of CPU temperature sensors: Intel, AMD, ARM.
    private static readonly string[] Sensors = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

    private double _busy;
    private double _total;

    public DeviceSample Sample()
    {
        var share = BusyShare();
        var memory = SystemFile.Lines(SystemFile.PathOf("proc/meminfo"));
        var total = Kilobytes(memory, "MemTotal:");
        var available = Kilobytes(memory, "MemAvailable:");
        return new DeviceSample(DeviceRef.Cpu.Id, share, share, share, total - available, total, Celsius(), null, Hertz(), [], null, null);
    }

    /// <returns>Null for the first sample: a share needs two.</returns>
    private double? BusyShare()
    {
        // proc(5): user nice system idle iowait irq softirq steal; the rest is part of user.
        if (SystemFile.Lines(SystemFile.PathOf("proc/stat")) is not [var line, ..] || !line.StartsWith("cpu ", StringComparison.Ordinal))
        {
            return null;
        }

        var ticks = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(text => double.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        var (before, totalBefore) = (_busy, _total);
        _total = ticks.Sum();
        _busy = _total - ticks[3] - ticks[4];
        return totalBefore > 0 && _total > totalBefore ? Math.Clamp((_busy - before) / (_total - totalBefore), 0, 1) : null;
    }

    private static long? Kilobytes(string[] memory, string name) =>
        memory.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line &&
        long.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture, out var number) ? number * 1024 : null;

    private static double? Celsius() => SystemFile.Folders(SystemFile.PathOf("sys/class/hwmon"))
        .Where(sensor => SystemFile.Lines(Path.Combine(sensor, "name")) is [var name, ..] && Sensors.Contains(name))
        .Select(sensor => SystemFile.Number(Path.Combine(sensor, "temp1_input")) / 1000)
        .FirstOrDefault(celsius => celsius is not null);

    /// <summary>The mean of all cores.</summary>
    private static double? Hertz()
    {
        var clocks = SystemFile.Lines(SystemFile.PathOf("proc/cpuinfo"))
            .Where(line => line.StartsWith("cpu MHz", StringComparison.Ordinal))
            .Select(line => double.Parse(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture))
            .ToArray();
        return clocks.Length == 0 ? null : clocks.Average() * 1_000_000;
    }
}
