namespace Transcoder.UnitTests.Codecs.Monitoring;

/// <summary>A /proc, /sys and /dev of a test's own. One at a time: the root is the process's.</summary>
internal sealed class KernelTree : IDisposable
{
    private const string Variable = "TRANSCODER_SYSTEM_ROOT";
    private readonly string? _before = Environment.GetEnvironmentVariable(Variable);
    private readonly string _root = Directory.CreateTempSubdirectory("kernel-tree").FullName;

    public KernelTree()
    {
        Environment.SetEnvironmentVariable(Variable, _root);
    }

    public KernelTree Write(string path, string text)
    {
        var file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return this;
    }

    /// <summary>A GPU with a render node.</summary>
    public KernelTree Card(string node, string address, string vendor) => Write($"dev/dri/{node}", "")
        .Write($"sys/class/drm/{node}/device/vendor", vendor)
        .Write($"sys/class/drm/{node}/device/uevent", $"DRIVER=xdrv\nPCI_SLOT_NAME={address}\n");

    /// <summary>A descriptor of a process, and what the kernel counts of it.</summary>
    public KernelTree Descriptor(int process, int number, string target, string counts)
    {
        Write($"proc/{process}/fdinfo/{number}", $"pos:\t0\nflags:\t02100002\n{counts}");
        var link = Path.Combine(_root, $"proc/{process}/fd/{number}");
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        if (!Path.Exists(link) && new FileInfo(link).LinkTarget is null)
        {
            File.CreateSymbolicLink(link, target);
        }

        return this;
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, _before);
        Directory.Delete(_root, recursive: true);
    }
}
