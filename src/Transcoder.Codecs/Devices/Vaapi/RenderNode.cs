namespace Transcoder.Codecs.Devices.Vaapi;

/// <summary>A GPU's render node of the kernel's DRM.</summary>
/// <param name="Path">As /dev/dri/renderD128.</param>
/// <param name="Address">PCI address; the node's name where sysfs knows none.</param>
/// <param name="Vendor">PCI vendor, 0 where sysfs knows none.</param>
internal sealed record RenderNode(string Path, string Address, int Vendor, string Driver)
{
    public const int Intel = 0x8086;
    public const int Amd = 0x1002;
    public const int Nvidia = 0x10de;

    /// <summary>Where the system's folders are. Tests and containers with folders mounted elsewhere name another root than "/".</summary>
    public static string Root => Environment.GetEnvironmentVariable("TRANSCODER_SYSTEM_ROOT") is { Length: > 0 } root ? root : "/";

    public string VendorName => Vendor switch { Intel => "intel", Amd => "amd", Nvidia => "nvidia", _ => "unknown" };

    public string Name => $"{VendorName} GPU {Address} ({Driver})";

    public static RenderNode? Find(string address) => All().FirstOrDefault(node => node.Address == address);

    public static IReadOnlyList<RenderNode> All()
    {
        var folder = System.IO.Path.Combine(Root, "dev/dri");
        return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder, "renderD*").Order(StringComparer.Ordinal).Select(Read)] : [];
    }

    private static RenderNode Read(string path)
    {
        var name = System.IO.Path.GetFileName(path);
        var device = System.IO.Path.Combine(Root, "sys/class/drm", name, "device");
        var facts = Lines(System.IO.Path.Combine(device, "uevent")).Select(line => line.Split('=', 2)).Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1]);
        var vendor = Lines(System.IO.Path.Combine(device, "vendor")).FirstOrDefault();
        return new RenderNode(
            path,
            facts.GetValueOrDefault("PCI_SLOT_NAME", name),
            vendor is not null && vendor.StartsWith("0x", StringComparison.Ordinal) ? Convert.ToInt32(vendor, 16) : 0,
            facts.GetValueOrDefault("DRIVER", "unknown driver"));
    }

    private static string[] Lines(string path) => File.Exists(path) ? File.ReadAllLines(path) : [];
}
