using System.Runtime.InteropServices;
using Transcoder.Testing.SimulatedGpus;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>
/// Simulated NVIDIA cards in this very process: their libraries are loaded before FFmpeg asks for them by name. A process has one directory of theirs for
/// life; each test writes its own configuration.
/// </summary>
internal static partial class SimulatedCards
{
    private static readonly Lazy<string> Folder = new(Load);

    /// <summary>Waits until encoders that run have seen it, too.</summary>
    public static void Configure(params string[] lines)
    {
        var file = Path.Combine(Folder.Value, "config");
        File.WriteAllLines(file + ".new", lines);
        File.Move(file + ".new", file, overwrite: true);

        // The simulation looks at the file every 20 ms.
        SpinWait.SpinUntil(() => false, 50);
    }

    private static string Load()
    {
        var folder = Directory.CreateTempSubdirectory("simgpu-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        if (SetEnvironment("SIMGPU_DIR", folder, 1) != 0)
        {
            throw new InvalidOperationException("the environment could not be changed");
        }

        File.WriteAllText(Path.Combine(folder, "config"), "");
        foreach (var library in (string[])["libcuda.so.1", "libnvidia-encode.so.1", "libnvidia-ml.so.1"])
        {
            NativeLibrary.Load(Path.Combine(SimulatedMachine.Libraries, library));
        }

        return folder;
    }

    // The runtime's own environment is a copy that C code never sees.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
