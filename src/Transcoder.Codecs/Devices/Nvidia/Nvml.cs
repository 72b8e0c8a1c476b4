using System.Runtime.InteropServices;
using System.Text;

namespace Transcoder.Codecs.Devices.Nvidia;

/// <summary>What NVIDIA's management library says and CUDA doesn't. nvml.h, loaded at run time; every figure may be missing.</summary>
internal sealed unsafe class Nvml : IDisposable
{
    public const string Library = "libnvidia-ml.so.1";

    // More sessions than any driver lets a machine open.
    private const int MostSessions = 1024;
    private const int SessionSize = 32;
    private const int ProcessAt = 4;

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
    public IReadOnlyList<int>? EncoderSessions(string uuid)
    {
        if (!TryDevice(uuid, out var device) || !TryFunction("nvmlDeviceGetEncoderSessions", out var function))
        {
            return null;
        }

        // nvmlEncoderSessionInfo_t: eight 32-bit fields, the second is the process.
        var sessions = new byte[MostSessions * SessionSize];
        uint count = MostSessions;
        fixed (byte* buffer = sessions)
        {
            if (((delegate* unmanaged<nint, uint*, byte*, int>)function)(device, &count, buffer) != 0)
            {
                return null;
            }
        }

        return [.. Enumerable.Range(0, (int)count).Select(i => BitConverter.ToInt32(sessions, (i * SessionSize) + ProcessAt))];
    }

    public void Dispose()
    {
        if (TryFunction("nvmlShutdown", out var shutdown))
        {
            _ = ((delegate* unmanaged<int>)shutdown)();
        }
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
