using System.Runtime.InteropServices;
using System.Text;
using Transcoder.Media.Devices;

namespace Transcoder.Codecs.Devices.Nvidia;

/// <summary>What NVIDIA's management library says and CUDA doesn't. nvml.h, loaded at run time; every figure may be missing.</summary>
internal sealed unsafe class Nvml : IDisposable
{
    public const string Library = "libnvidia-ml.so.1";

    // More sessions than any driver lets a machine open.
    private const int MostSessions = 1024;
    private const int SessionSize = 32;
    private const int ProcessAt = 4;
    private const int CodecAt = 12;
    private const int WidthAt = 16;
    private const int HeightAt = 20;
    private const int FrameRateAt = 24;

    private const int MostDevices = 64;
    private const int GpuIsLost = 15;
    private const int CoreTemperature = 0;
    private const int VideoClock = 3;

    private readonly nint _library;

    private Nvml(nint library) => _library = library;

    /// <returns>Null where the library is missing or doesn't start.</returns>
    public static Nvml? TryOpen()
    {
        if (!NativeLibrary.TryLoad(Library, out var library))
        {
            return null;
        }

        var nvml = new Nvml(library);
        return nvml.TryFunction("nvmlInit_v2", out var init) && ((delegate* unmanaged<int>)init)() == 0 ? nvml : null;
    }

    public string? DriverVersion()
    {
        var text = stackalloc byte[96];
        return TryFunction("nvmlSystemGetDriverVersion", out var function) && ((delegate* unmanaged<byte*, uint, int>)function)(text, 96) == 0
            ? Marshal.PtrToStringUTF8((nint)text)
            : null;
    }

    /// <returns>Bytes: all, and what is free.</returns>
    public (long Total, long Free)? Memory(string uuid)
    {
        // nvmlMemory_t: total, free, used.
        var bytes = stackalloc ulong[3];
        return TryDevice(uuid, out var device) && TryFunction("nvmlDeviceGetMemoryInfo", out var function)
            && ((delegate* unmanaged<nint, ulong*, int>)function)(device, bytes) == 0
            ? ((long)bytes[0], (long)bytes[1])
            : null;
    }

    /// <returns>The process of each encoder session of the card; null where the driver doesn't list them.</returns>
    public IReadOnlyList<int>? EncoderSessions(string uuid) => Sessions(uuid)?.Select(session => session.ProcessId).ToArray();

    /// <returns>Every encoder session of the card, whoever's; null where the driver doesn't list them.</returns>
    public IReadOnlyList<EncoderSessionSample>? Sessions(string uuid)
    {
        if (!TryDevice(uuid, out var device) || !TryFunction("nvmlDeviceGetEncoderSessions", out var function))
        {
            return null;
        }

        // nvmlEncoderSessionInfo_t: session, process, virtual GPU, codec, width, height, average frame rate, average latency; 32 bits each.
        var sessions = new byte[MostSessions * SessionSize];
        uint count = MostSessions;
        fixed (byte* buffer = sessions)
        {
            if (((delegate* unmanaged<nint, uint*, byte*, int>)function)(device, &count, buffer) != 0)
            {
                return null;
            }
        }

        return [.. Enumerable.Range(0, (int)count).Select(i => i * SessionSize).Select(at => new EncoderSessionSample(
            BitConverter.ToInt32(sessions, at + ProcessAt),
            BitConverter.ToInt32(sessions, at + CodecAt) switch { 0 => "h264", 1 => "hevc", 2 => "av1", _ => "unknown" },
            BitConverter.ToInt32(sessions, at + WidthAt),
            BitConverter.ToInt32(sessions, at + HeightAt),
            BitConverter.ToInt32(sessions, at + FrameRateAt)))];
    }

    /// <summary>UUIDs of the cards; one that is lost already may be missing.</summary>
    public IReadOnlyList<string> Devices()
    {
        uint count = 0;
        if (!TryFunction("nvmlDeviceGetCount_v2", out var counter) || ((delegate* unmanaged<uint*, int>)counter)(&count) != 0 ||
            !TryFunction("nvmlDeviceGetHandleByIndex_v2", out var handle) || !TryFunction("nvmlDeviceGetUUID", out var identity))
        {
            return [];
        }

        var devices = new List<string>();
        var text = stackalloc byte[96];
        for (uint i = 0; i < Math.Min(count, MostDevices); i++)
        {
            nint device = 0;
            if (((delegate* unmanaged<uint, nint*, int>)handle)(i, &device) == 0 && ((delegate* unmanaged<nint, byte*, uint, int>)identity)(device, text, 96) == 0 &&
                Marshal.PtrToStringUTF8((nint)text) is { Length: > 0 } uuid)
            {
                devices.Add(uuid);
            }
        }

        return devices;
    }

    /// <summary>The card has fallen off the bus (NVML_ERROR_GPU_IS_LOST), or its handle can't be had any more.</summary>
    public bool IsLost(string uuid)
    {
        var bytes = stackalloc ulong[3];
        return !TryDevice(uuid, out var device)
            || (TryFunction("nvmlDeviceGetMemoryInfo", out var function) && ((delegate* unmanaged<nint, ulong*, int>)function)(device, bytes) == GpuIsLost);
    }

    /// <returns>Busy shares, 0 to 1, of the compute engines and, where the driver gives them, the encode and decode engines.</returns>
    public (double? Compute, double? Encode, double? Decode) Utilisation(string uuid)
    {
        // nvmlUtilization_t: gpu, memory; percent.
        var rates = stackalloc uint[2];
        double? compute = TryDevice(uuid, out var device) && TryFunction("nvmlDeviceGetUtilizationRates", out var function)
            && ((delegate* unmanaged<nint, uint*, int>)function)(device, rates) == 0 ? rates[0] / 100.0 : null;
        return (compute, Engine("nvmlDeviceGetEncoderUtilization"), Engine("nvmlDeviceGetDecoderUtilization"));

        double? Engine(string name)
        {
            uint percent = 0;
            uint period = 0;
            return device != 0 && TryFunction(name, out var engine) && ((delegate* unmanaged<nint, uint*, uint*, int>)engine)(device, &percent, &period) == 0 ? percent / 100.0 : null;
        }
    }

    public double? Celsius(string uuid) => Number(uuid, "nvmlDeviceGetTemperature", CoreTemperature);

    public double? Watts(string uuid) => Number(uuid, "nvmlDeviceGetPowerUsage") / 1000;

    public double? VideoHertz(string uuid) => Number(uuid, "nvmlDeviceGetClockInfo", VideoClock) * 1_000_000;

    /// <returns>nvmlClocksThrottleReason* bits.</returns>
    public ulong? ThrottleReasons(string uuid)
    {
        ulong bits = 0;
        return TryDevice(uuid, out var device)
            && (TryFunction("nvmlDeviceGetCurrentClocksThrottleReasons", out var function) || TryFunction("nvmlDeviceGetCurrentClocksEventReasons", out function))
            && ((delegate* unmanaged<nint, ulong*, int>)function)(device, &bits) == 0 ? bits : null;
    }

    public void Dispose()
    {
        if (TryFunction("nvmlShutdown", out var shutdown))
        {
            _ = ((delegate* unmanaged<int>)shutdown)();
        }
    }

    private double? Number(string uuid, string name)
    {
        uint value = 0;
        return TryDevice(uuid, out var device) && TryFunction(name, out var function) && ((delegate* unmanaged<nint, uint*, int>)function)(device, &value) == 0 ? value : null;
    }

    private double? Number(string uuid, string name, int which)
    {
        uint value = 0;
        return TryDevice(uuid, out var device) && TryFunction(name, out var function) && ((delegate* unmanaged<nint, int, uint*, int>)function)(device, which, &value) == 0 ? value : null;
    }

    private bool TryDevice(string uuid, out nint device)
    {
        nint found = 0;
        device = 0;
        if (!TryFunction("nvmlDeviceGetHandleByUUID", out var function))
        {
            return false;
        }

        fixed (byte* text = Encoding.UTF8.GetBytes(uuid + '\0'))
        {
            if (((delegate* unmanaged<byte*, nint*, int>)function)(text, &found) != 0)
            {
                return false;
            }
        }

        device = found;
        return true;
    }

    private bool TryFunction(string name, out nint function) => NativeLibrary.TryGetExport(_library, name, out function);
}
