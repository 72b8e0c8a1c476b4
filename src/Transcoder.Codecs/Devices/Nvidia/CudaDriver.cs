using System.Globalization;
using System.Runtime.InteropServices;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Devices.Nvidia;

/// <param name="Index">Of this process and this moment only.</param>
/// <param name="Id">The UUID as nvidia-smi prints it, or the PCI address where the driver is too old to tell.</param>
/// <param name="Address">PCI address.</param>
internal sealed record CudaCard(int Index, string Id, string Address, string Name);

/// <summary>The few questions about cards that FFmpeg does not ask for us. cuda.h (CUDA driver API); loaded at run time.</summary>
internal sealed unsafe class CudaDriver
{
    public const string Library = "libcuda.so.1";

    // CUdevice_attribute.
    private const int PciBus = 33;
    private const int PciDevice = 34;
    private const int PciDomain = 50;

    private static readonly Lock Gate = new();
    private static CudaDriver? s_loaded;

    private readonly nint _library;

    private CudaDriver(nint library) => _library = library;

    /// <summary>Exported by simulated drivers only.</summary>
    public bool IsSimulated => NativeLibrary.TryGetExport(_library, SimulatedDriver.Marker, out _);

    /// <exception cref="CodecException">There is no driver, or it does not start: <see cref="CodecException.Error"/> is its code, 0 where it is missing.</exception>
    public static CudaDriver Load()
    {
        lock (Gate)
        {
            if (s_loaded is not null)
            {
                return s_loaded;
            }

            if (!NativeLibrary.TryLoad(Library, out var library))
            {
                throw new CodecException($"Cannot load {Library}");
            }

            var driver = new CudaDriver(library);
            driver.Check(((delegate* unmanaged<uint, int>)driver.Function("cuInit"))(0), "cuInit(0)");
            s_loaded = driver;
            return driver;
        }
    }

    public IReadOnlyList<CudaCard> Cards()
    {
        int count;
        Check(((delegate* unmanaged<int*, int>)Function("cuDeviceGetCount"))(&count), "cuDeviceGetCount");
        return [.. Enumerable.Range(0, count).Select(Card)];
    }

    private CudaCard Card(int index)
    {
        int device;
        Check(((delegate* unmanaged<int*, int, int>)Function("cuDeviceGet"))(&device, index), "cuDeviceGet");
        var name = stackalloc byte[256];
        Check(((delegate* unmanaged<byte*, int, int, int>)Function("cuDeviceGetName"))(name, 256, device), "cuDeviceGetName");
        var address = string.Create(
            CultureInfo.InvariantCulture, $"{Attribute(device, PciDomain):x4}:{Attribute(device, PciBus):x2}:{Attribute(device, PciDevice):x2}.0");
        return new CudaCard(index, Uuid(device) ?? address, address, Marshal.PtrToStringUTF8((nint)name) ?? "");
    }

    private string? Uuid(int device)
    {
        if (!NativeLibrary.TryGetExport(_library, "cuDeviceGetUuid", out var function))
        {
            return null;
        }

        var bytes = stackalloc byte[16];
        Check(((delegate* unmanaged<byte*, int, int>)function)(bytes, device), "cuDeviceGetUuid");
        return $"GPU-{new Guid(new ReadOnlySpan<byte>(bytes, 16), bigEndian: true)}";
    }

    private int Attribute(int device, int attribute)
    {
        int value;
        Check(((delegate* unmanaged<int*, int, int, int>)Function("cuDeviceGetAttribute"))(&value, attribute, device), "cuDeviceGetAttribute");
        return value;
    }

    private nint Function(string name) =>
        NativeLibrary.TryGetExport(_library, name, out var function) ? function : throw new CodecException($"{Library} has no {name}");

    private void Check(int error, string call)
    {
        if (error == 0)
        {
            return;
        }

        throw new CodecException($"{call} failed -> {Text("cuGetErrorName", error)}: {Text("cuGetErrorString", error)}", error);
    }

    private string Text(string function, int error)
    {
        byte* text = null;
        return ((delegate* unmanaged<int, byte**, int>)Function(function))(error, &text) == 0 && text is not null
            ? Marshal.PtrToStringUTF8((nint)text)!
            : error.ToString(CultureInfo.InvariantCulture);
    }
}
