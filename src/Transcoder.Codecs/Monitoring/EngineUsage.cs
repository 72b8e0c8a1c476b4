using System.Globalization;

namespace Transcoder.Codecs.Monitoring;

/// <summary>What one process has used of one GPU since it opened it, as the kernel counts in /proc/PID/fdinfo (drm-usage-stats).</summary>
/// <param name="Address">PCI address of the GPU.</param>
/// <param name="Client">Several descriptors of one opening count once.</param>
/// <param name="Engines">Busy nanoseconds by the driver's engine names.</param>
/// <param name="Capacities">Engines of one name, where there are several.</param>
/// <param name="Resident">Bytes of memory that it has now, by the driver's region names.</param>
internal sealed record EngineUsage(
    string Address, int ProcessId, string Client, IReadOnlyDictionary<string, long> Engines, IReadOnlyDictionary<string, int> Capacities, IReadOnlyDictionary<string, long> Resident)
{
    /// <summary>Every process that may be read; those of other users need CAP_SYS_PTRACE.</summary>
    public static IReadOnlyList<EngineUsage> Read()
    {
        var clients = new Dictionary<(string, string), EngineUsage>();
        foreach (var process in SystemFile.Folders(SystemFile.PathOf("proc")))
        {
            if (int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out var id))
            {
                foreach (var usage in OfProcess(process, id))
                {
                    clients.TryAdd((usage.Address, usage.Client), usage);
                }
            }
        }

        return [.. clients.Values];
    }

    private static IEnumerable<EngineUsage> OfProcess(string process, int id)
    {
        string[] descriptors;
        try
        {
            // Only descriptors of GPUs: reading each one's fdinfo of a busy machine would cost more than it tells.
            descriptors = [.. Directory.GetFiles(Path.Combine(process, "fd")).Where(IsGpu)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended, or is another user's.
            yield break;
        }

        foreach (var descriptor in descriptors)
        {
            if (Parse(SystemFile.Lines(Path.Combine(process, "fdinfo", Path.GetFileName(descriptor))), id) is { } usage)
            {
                yield return usage;
            }
        }
    }

    private static long UnitOf(string value) => value.EndsWith(" KiB", StringComparison.Ordinal) ? 1 << 10 : value.EndsWith(" MiB", StringComparison.Ordinal) ? 1 << 20 : 1;

    private static bool IsGpu(string descriptor) => new FileInfo(descriptor).LinkTarget?.Contains("/dri/", StringComparison.Ordinal) == true;

    private static EngineUsage? Parse(string[] lines, int process)
    {
        string? address = null;
        string? client = null;
        var engines = new Dictionary<string, long>();
        var capacities = new Dictionary<string, int>();
        var resident = new Dictionary<string, long>();
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0)
            {
                continue;
            }

            var (key, value) = (line[..colon], line[(colon + 1)..].Trim());
            var number = value.Split(' ')[0];
            switch (key)
            {
                case "drm-pdev":
                    address = value;
                    break;
                case "drm-client-id":
                    client = value;
                    break;
                case not null when key.StartsWith("drm-engine-capacity-", StringComparison.Ordinal) && int.TryParse(number, CultureInfo.InvariantCulture, out var count):
                    capacities[key["drm-engine-capacity-".Length..]] = count;
                    break;
                case not null when key.StartsWith("drm-engine-", StringComparison.Ordinal) && long.TryParse(number, CultureInfo.InvariantCulture, out var busy):
                    engines[key["drm-engine-".Length..]] = busy;
                    break;
                case not null when key.StartsWith("drm-resident-", StringComparison.Ordinal) && long.TryParse(number, CultureInfo.InvariantCulture, out var size):
                    resident[key["drm-resident-".Length..]] = size * UnitOf(value);
                    break;
            }
        }

        return address is null || client is null || engines.Count == 0 ? null : new EngineUsage(address, process, client, engines, capacities, resident);
    }
}
