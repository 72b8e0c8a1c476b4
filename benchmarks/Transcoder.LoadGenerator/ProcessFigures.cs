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

    /// <summary>
    /// What the process has of its own: heaps, stacks, code made at run time. Not the pages of programs and libraries: a kernel that reclaims what is not used for a while (DAMON)
    /// takes them from a server that stands still and gives them back in its turn, megabytes that no player has cost.
    /// </summary>
    public long OwnBytes()
    {
        var lines = File.ReadAllLines($"/proc/{processId}/status");
        return 1024 * (Kibibytes("RssAnon:") + Kibibytes("RssShmem:") + Kibibytes("VmSwap:"));

        long Kibibytes(string name) =>
            Number(lines.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1]);
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
