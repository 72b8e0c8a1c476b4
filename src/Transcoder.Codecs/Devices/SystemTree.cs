using System.Globalization;

namespace Transcoder.Codecs.Devices;

/// <summary>What the kernel's folders say of the machine, without asking any driver.</summary>
public static class SystemTree
{
    public const int Intel = 0x8086;
    public const int Amd = 0x1002;
    public const int Nvidia = 0x10de;

    // PCI class 03: display controllers; 3D controllers without an output are of it, too.
    private const int DisplayClass = 0x03;

    /// <summary>Another root than "/" is for tests and for containers that see the host's folders elsewhere.</summary>
    public static string Root => Environment.GetEnvironmentVariable("TRANSCODER_SYSTEM_ROOT") is { Length: > 0 } root ? root : "/";

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    public static bool IsContainer => File.Exists(PathOf(".dockerenv")) || File.Exists(PathOf("run/.containerenv"));

    /// <summary>PCI addresses of the graphics cards of a vendor.</summary>
    public static IReadOnlyList<string> Cards(int vendor)
    {
        var folder = PathOf("sys/bus/pci/devices");
        return !Directory.Exists(folder)
            ? []
            : [.. Directory.EnumerateDirectories(folder)
                .Where(card => Number(Path.Combine(card, "vendor")) == vendor && Number(Path.Combine(card, "class")) >> 16 == DisplayClass)
                .Select(card => Path.GetFileName(card)).Order(StringComparer.Ordinal)];
    }

    /// <summary>0x… of a file; 0 where there is none.</summary>
    public static int Number(string file) =>
        File.Exists(file) && File.ReadAllText(file).Trim() is ['0', 'x', .. var digits] && int.TryParse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;
}
