using System.Globalization;
using System.Text;

namespace Transcoder.Testing.SimulatedGpus;

/// <summary>
/// A directory that simulated driver libraries (native/simgpu) take for a machine with GPUs. Children started with <see cref="Environment"/> see its devices;
/// faults begin within 20 ms, also for encoders that run. Devices are counted from 0, NVIDIA and VA-API ones each by themselves.
/// </summary>
public sealed class SimulatedMachine : IDisposable
{
    private readonly SortedDictionary<string, string> _settings = new(StringComparer.Ordinal);

    public SimulatedMachine(int devices = 1, int vaDevices = 0)
    {
        if (!File.Exists(Path.Combine(Libraries, "libsimgpu.so")))
        {
            throw new FileNotFoundException($"{Libraries} has no simulated drivers; `make simgpu` builds them");
        }

        Folder = Directory.CreateTempSubdirectory("transcoder-simgpu-").FullName;
        for (var i = 0; i < vaDevices; i++)
        {
            // Any file will do for a render node; the kernel's folders say whose it is.
            Write(RenderNode(i), "");
            var facts = Path.Combine(Folder, $"sys/class/drm/renderD{128 + i}/device");
            Write(Path.Combine(facts, "vendor"), "0x1002\n");
            Write(Path.Combine(facts, "uevent"), $"DRIVER=simgpu\nPCI_SLOT_NAME={VaAddress(i)}\n");
        }

        Configure(("devices", devices), ("va_devices", vaDevices));
    }

    public static string Libraries { get; } = Repository.PathOf("artifacts/simgpu");

    public string Folder { get; }

    public SimulatedState State => SimulatedState.Read(Path.Combine(Folder, "state"));

    /// <summary>For a child process. Each one needs them, also the parent of those that encode.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["SIMGPU_DIR"] = Folder,
        ["TRANSCODER_SYSTEM_ROOT"] = Folder,
        ["LD_LIBRARY_PATH"] = $"{Libraries}:{Path.Combine(Libraries, "va")}",
        ["LIBVA_DRIVERS_PATH"] = Path.Combine(Libraries, "va"),
        ["LIBVA_DRIVER_NAME"] = "simgpu",
    };

    public static string Uuid(int device) => $"GPU-51c0ffee-0000-4000-8000-{device:x12}";

    public static string PciAddress(int device) => $"00000000:{device + 1:X2}:00.0";

    /// <summary>The id of a VA-API device.</summary>
    public static string VaAddress(int device) => $"0000:{0x80 + device:x2}:00.0";

    public string RenderNode(int vaDevice) => Path.Combine(Folder, "dev/dri", $"renderD{128 + vaDevice}");

    /// <summary>Sets keys of the config file, which native/simgpu/simgpu.h documents; null takes one away. All of them count at once.</summary>
    public void Configure(params IEnumerable<(string Key, object? Value)> settings)
    {
        lock (_settings)
        {
            foreach (var (key, value) in settings)
            {
                if (value is null)
                {
                    _settings.Remove(key);
                }
                else
                {
                    _settings[key] = value is bool flag ? flag ? "1" : "0" : Convert.ToString(value, CultureInfo.InvariantCulture)!;
                }
            }

            var text = new StringBuilder();
            foreach (var (key, value) in _settings)
            {
                text.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");
            }

            var path = Path.Combine(Folder, "config");
            File.WriteAllText(path + ".new", text.ToString());
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    /// <param name="sessions">0: no limit.</param>
    /// <param name="error">10 (out of memory) or, as newer drivers answer, 21 (incompatible client key).</param>
    public void LimitSessions(int sessions, bool perDevice = false, int error = 10) =>
        Configure(("session_limit", sessions), ("session_limit_scope", perDevice ? "device" : "system"), ("session_limit_error", error));

    public void SetForeignSessions(int device, int sessions) => Configure(($"gpu{device}.foreign_sessions", sessions));

    /// <summary>Off the bus, now or after so many more frames of the device.</summary>
    public void Lose(int device, int? afterFrames = null) => Configure(afterFrames is { } frames
        ? ($"gpu{device}.lose_at_frame", State.Device(device).Frames + frames)
        : ($"gpu{device}.lost", 1));

    /// <summary>New sessions work again; those that lived through the loss do not.</summary>
    public void Revive(int device) => Configure(($"gpu{device}.lost", null), ($"gpu{device}.lose_at_frame", null));

    /// <summary>Calls of the device's encoders stop coming back, those of sessions that are open now or of all.</summary>
    public void Hang(int device, string where = "encode", bool onlyOpenSessions = false, int afterFrames = 0) => Configure(
        ($"gpu{device}.hang", where),
        ($"gpu{device}.hang_at_frame", State.Device(device).Frames + afterFrames),
        ("faulty_until", onlyOpenSessions ? State.SessionsOpened : null));

    public void Unhang(int device) => Configure(($"gpu{device}.hang", null), ($"gpu{device}.hang_at_frame", null), ("faulty_until", null));

    /// <param name="error">An NVENCSTATUS: 2 unsupported device, 8 invalid parameter, 10 out of memory, 20 generic.</param>
    /// <param name="times">0: until told otherwise.</param>
    public void FailOpen(int device, int error = 20, int times = 0) => Configure(
        ($"gpu{device}.fail_open", error),
        ($"gpu{device}.fail_open_until", times == 0 ? 0 : State.Device(device).Opens + times));

    /// <summary>The sessions that are open on the device now fail at their next frame; later ones work.</summary>
    public void BreakOpenSessions(int device) => Configure(($"gpu{device}.session_fails_after", 0), ("faulty_until", State.SessionsOpened));

    /// <param name="megapixelsPerSecond">What one of its engines codes; 1000 unless told otherwise.</param>
    public void SetSpeed(int device, double megapixelsPerSecond) => Configure(($"gpu{device}.mpix_s", megapixelsPerSecond));

    public void FillMemory(int device, bool full = true) => Configure(($"gpu{device}.memory_full", full));

    public void RemoveEncoder(int device) => Configure(($"gpu{device}.encoder", 0));

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
