namespace Transcoder.Codecs.Devices.Vaapi;

/// <summary>A GPU's render node of the kernel's DRM.</summary>
/// <param name="Path">As /dev/dri/renderD128.</param>
/// <param name="Address">PCI address; the node's name where sysfs knows none.</param>
/// <param name="Vendor">PCI vendor, 0 where sysfs knows none.</param>
/// <param name="Driver">The kernel's.</param>
internal sealed record RenderNode(string Path, string Address, int Vendor, string Driver)
{
    public string VendorName => Vendor switch { SystemTree.Intel => "intel", SystemTree.Amd => "amd", SystemTree.Nvidia => "nvidia", _ => "unknown" };

    public string Name => $"{(Vendor switch { SystemTree.Intel => "Intel", SystemTree.Amd => "AMD", _ => "unknown" })} GPU {Address}";

    public static RenderNode? Find(string address) => All().FirstOrDefault(node => node.Address == address);

    public static IReadOnlyList<RenderNode> All()
    {
        var folder = SystemTree.PathOf("dev/dri");
        return Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder, "renderD*").Order(StringComparer.Ordinal).Select(Read)] : [];
    }

    private static RenderNode Read(string path)
    {
        var name = System.IO.Path.GetFileName(path);
        var device = SystemTree.PathOf($"sys/class/drm/{name}/device");
        var events = System.IO.Path.Combine(device, "uevent");
        var facts = File.Exists(events) ? File.ReadAllLines(events) : [];
        return new RenderNode(
            path, Value("PCI_SLOT_NAME") ?? name, SystemTree.Number(System.IO.Path.Combine(device, "vendor")), Value("DRIVER") ?? "an unknown driver");

        string? Value(string key) => facts.FirstOrDefault(line => line.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];
    }
}
