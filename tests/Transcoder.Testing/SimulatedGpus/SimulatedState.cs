using System.Buffers.Binary;
using System.Globalization;

namespace Transcoder.Testing.SimulatedGpus;

/// <summary>What the simulated drivers know at one moment: struct sim_state of native/simgpu/simgpu.h.</summary>
public sealed class SimulatedState
{
    internal const int FirstVaDevice = 16;
    private readonly SimulatedDevice[] _devices;

    private SimulatedState(SimulatedDevice[] devices, IReadOnlyList<SimulatedSession> sessions, long sessionsOpened)
    {
        _devices = devices;
        Sessions = sessions;
        SessionsOpened = sessionsOpened;
    }

    /// <summary>Those that are open; a dead process has none.</summary>
    public IReadOnlyList<SimulatedSession> Sessions { get; }

    /// <summary>Since the beginning, all devices together; also the serial of the newest.</summary>
    public long SessionsOpened { get; }

    public SimulatedDevice Device(int number) => _devices[number];

    public SimulatedDevice VaDevice(int number) => _devices[FirstVaDevice + number];

    public IEnumerable<SimulatedSession> SessionsOf(int device) => Sessions.Where(session => session.Device == device);

    public IEnumerable<SimulatedSession> SessionsOfVa(int device) => SessionsOf(FirstVaDevice + device);

    internal static SimulatedState Read(string path)
    {
        var devices = Enumerable.Repeat(default(SimulatedDevice), 24).ToArray();
        if (!File.Exists(path))
        {
            return new SimulatedState(devices, [], 0);
        }

        var bytes = Contents(path).AsSpan();
        if (bytes.Length < 64 || UInt32(bytes, 0) == 0)
        {
            return new SimulatedState(devices, [], 0);
        }

        if (UInt32(bytes, 0) != 0x53494d47 || UInt32(bytes, 4) != 1)
        {
            throw new InvalidDataException($"{path} is of another build of native/simgpu");
        }

        for (var i = 0; i < UInt32(bytes, 16); i++)
        {
            var at = bytes[(int)(UInt32(bytes, 8) + (i * UInt32(bytes, 12)))..];
            devices[i] = new SimulatedDevice(Int64(at, 0), Int64(at, 8), Int64(at, 16), Int64(at, 24), Int64(at, 32));
        }

        var sessions = new List<SimulatedSession>();
        for (var i = 0; i < UInt32(bytes, 28); i++)
        {
            var at = bytes[(int)(UInt32(bytes, 20) + (i * UInt32(bytes, 24)))..];
            var process = (int)UInt32(at, 4);
            if (UInt32(at, 0) != 0 && StartOf(process) == Int64(at, 8))
            {
                var codec = UInt32(at, 36) == 0 ? "h264" : "hevc";
                sessions.Add(new SimulatedSession((int)UInt32(at, 32), process, Int64(at, 16), Int64(at, 24), codec, (int)UInt32(at, 40), (int)UInt32(at, 44)));
            }
        }

        return new SimulatedState(devices, sessions, Int64(bytes, 32));
    }

    // Shared with who writes it: a simulated driver.
    private static byte[] Contents(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];

        // Shorter when it was looked at while it was being made: as if it weren't there yet.
        return bytes[..file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }

    private static uint UInt32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long Int64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    // Field 22 of /proc/PID/stat; 0 for a process that is gone or a zombie.
    private static long StartOf(int process)
    {
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{process}/stat");
        }
        catch (IOException)
        {
            return 0; // it ended
        }

        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? 0 : long.Parse(fields[19], CultureInfo.InvariantCulture);
    }
}

/// <summary>Counted since the beginning. <paramref name="Opens"/> are attempts.</summary>
public readonly record struct SimulatedDevice(long Opens, long SessionsOpened, long Inits, long Frames, long Losses);

/// <summary>An open encoder session; sizes are 0 until it is initialised.</summary>
public sealed record SimulatedSession(int Device, int ProcessId, long Serial, long Frames, string Codec, int Width, int Height)
{
    /// <summary>As the appliance calls the device.</summary>
    public string DeviceId => Device < SimulatedState.FirstVaDevice ? SimulatedMachine.Uuid(Device) : SimulatedMachine.VaAddress(Device - SimulatedState.FirstVaDevice);
}
