using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Transcoder.Testing.SimulatedGpus;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>
/// A simulated machine in this very process, for tests that look at frames: its libraries are loaded before FFmpeg asks for them by name. A process has one
/// such machine for life; each test begins with a fresh configuration of one NVIDIA card and one VA-API device.
/// </summary>
internal static partial class SimulatedCards
{
    private static readonly Lazy<SimulatedMachine> Loaded = new(Load);
    private static List<string> s_set = [];

    public static string RenderNode => Loaded.Value.RenderNode(0);

    /// <summary>Waits until encoders that run have seen it, too.</summary>
    public static void Configure(params (string Key, object? Value)[] settings)
    {
        var machine = Loaded.Value;
        machine.Configure([("devices", 1), ("va_devices", 1), .. s_set.Where(key => key is not ("devices" or "va_devices")).Select(key => (key, (object?)null)), .. settings]);
        s_set = [.. settings.Select(setting => setting.Key)];

        // The simulation looks at the file every 20 ms.
        SpinWait.SpinUntil(() => false, 50);
    }

    // FFmpeg is linked with libva-drm, so the double must be there before the shim is; a real render node keeps the real one.
    [ModuleInitializer]
    internal static void TakeLibvasPlace()
    {
        var library = Path.Combine(SimulatedMachine.Libraries, "va", "libva-drm.so.2");
        if (!Directory.Exists("/dev/dri") && File.Exists(library))
        {
            NativeLibrary.Load(library);
        }
    }

    private static SimulatedMachine Load()
    {
        var machine = new SimulatedMachine(devices: 1, vaDevices: 1);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => machine.Dispose();
        foreach (var (name, value) in machine.Environment.Where(variable => variable.Key is not "LD_LIBRARY_PATH"))
        {
            // The runtime's own environment is a copy that C code never sees; children are started with the copy.
            if (SetEnvironment(name, value, 1) != 0)
            {
                throw new InvalidOperationException("the environment could not be changed");
            }
        }

        foreach (var library in (string[])["libcuda.so.1", "libnvidia-encode.so.1", "libnvidia-ml.so.1"])
        {
            NativeLibrary.Load(Path.Combine(SimulatedMachine.Libraries, library));
        }

        return machine;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
