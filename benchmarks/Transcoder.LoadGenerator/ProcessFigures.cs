using System.Globalization;

namespace Transcoder.LoadGenerator;

/// <summary>What a process has cost, from /proc (proc_pid_stat(5)).</summary>
internal sealed class ProcessFigures(int processId)
{
    // USER_HZ, which is 100 on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    public double CpuSeconds()
    {
        // The name, in brackets, may hold spaces; behind it field 3 comes first, so that 14 and 15 are the 11th and 12th.
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Number(fields[11]) + Number(fields[12])) / TicksPerSecond;
    }

    public long ResidentBytes()
    {
        var line = File.ReadLines($"/proc/{processId}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return Number(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
