using System.Globalization;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>What the kernel says about processes: /proc (proc(5)).</summary>
internal static class ProcessTable
{
    public static bool IsAlive(int processId) => State(processId) is not (null or "Z" or "X");

    /// <summary>Children, their children and so on.</summary>
    public static IReadOnlyList<int> Descendants(int processId)
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id) && Fields(id) is { } fields)
            {
                parents[id] = int.Parse(fields[1], CultureInfo.InvariantCulture);
            }
        }

        var found = new List<int>();
        var open = new Queue<int>([processId]);
        while (open.TryDequeue(out var parent))
        {
            foreach (var child in parents.Where(pair => pair.Value == parent).Select(pair => pair.Key))
            {
                found.Add(child);
                open.Enqueue(child);
            }
        }

        return found;
    }

    public static int Threads(int processId) => Directory.GetDirectories($"/proc/{processId}/task").Length;

    /// <summary>Open sockets, pipes and files, without the program's own assemblies, which are opened when their first type is used.</summary>
    public static int FileDescriptors(int processId) =>
        new DirectoryInfo($"/proc/{processId}/fd").GetFiles().Count(file => file.LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);

    /// <summary>Files that are mapped into the process.</summary>
    public static IReadOnlyList<string> MappedFiles(int processId) =>
        [.. File.ReadLines($"/proc/{processId}/maps").Select(line => line.IndexOf('/', StringComparison.Ordinal) is var path and >= 0 ? line[path..] : "").Where(path => path.Length > 0).Distinct()];

    private static string? State(int processId) => Fields(processId)?[0];

    // Behind the name, which is in parentheses and may hold anything: state, parent …
    private static string[]? Fields(int processId)
    {
        try
        {
            var line = File.ReadAllText($"/proc/{processId}/stat");
            return line[(line.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It ended while we looked.
            return null;
        }
    }
}
