using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Resources;

/// <summary>
/// A machine's drivers as the resource manager meets them: devices, sessions of several processes, one cap for all consumer cards, and faults. What it answers to
/// an open is decided here alone, so a test can hold the manager's books against it.
/// </summary>
public sealed class ModelDriver
{
    /// <summary>AVERROR(ENOMEM), as FFmpeg hands on the older drivers' "out of memory (10)".</summary>
    public const int OutOfMemory = -12;

    private readonly Dictionary<long, (string Device, int Process, int Width, int Height, double Rate)> _sessions = [];
    private readonly List<(string Device, int Process)> _foreign = [];
    private readonly Dictionary<string, DeviceReport> _devices = [];

    /// <summary>Sessions on all consumer cards together; null: no limit.</summary>
    public int? Cap { get; set; }

    /// <summary>Devices on which every open fails, and every session that runs when it is looked at.</summary>
    public HashSet<string> Broken { get; } = [];

    /// <summary>Devices that the monitor reports as lost.</summary>
    public HashSet<string> Lost { get; } = [];

    public HashSet<string> OutOfMemoryDevices { get; } = [];

    /// <summary>Asked first at each open of a session of a width on a device: what it answers is the driver's refusal.</summary>
    public Func<string, int, (int Error, string Message)?> Refusing { get; set; } = (_, _) => null;

    public int Opens { get; private set; }

    /// <summary>A card without a free session is reported as full, as the probe does.</summary>
    public ProbeReport Probe => new([.. _devices.Values.Where(device => !Lost.Contains(device.Id)).Select(Proved)], [], "");

    public IEnumerable<string> Devices => _devices.Keys;

    /// <summary>A card that decodes, scales and encodes h264 and hevc.</summary>
    public ModelDriver Gpu(string id, bool consumer = true, string driver = "570.1", string kind = "nvenc", bool encodes = true, int maxWidth = 4096, int minWidth = 0)
    {
        CodecId[] codecs = [CodecId.H264, CodecId.Hevc];
        var engines = new List<EngineCapability>();
        foreach (var codec in codecs)
        {
            engines.Add(new EngineCapability(EngineKind.Decode, kind, codec, $"{codec.Name()}_dec", 8192, 8192, 0, null));
            engines.Add(new EngineCapability(EngineKind.Encode, kind, codec, $"{codec.Name()}_{kind}", maxWidth, maxWidth, 2, encodes ? null : new Reason(Reasons.NoEncodeEngine, "none")) { MinWidth = minWidth });
        }

        engines.Add(new EngineCapability(EngineKind.Scale, kind, null, "scale", 0, 0, 0, null));
        var vendor = kind == "nvenc" ? "nvidia" : "intel";
        _devices[id] = new DeviceReport(id, id, vendor, "", driver, true, 8L << 30, consumer, engines, []);
        return this;
    }

    public void Remove(string id) => _devices.Remove(id);

    public (int Error, string Message)? Open(long lease, string device, int process, int width, int height, double rate)
    {
        Opens++;
        if (Refusing(device, width) is { } refused)
        {
            return refused;
        }

        if (device == "cpu")
        {
            _sessions[lease] = (device, process, width, height, rate);
            return null;
        }

        if (Broken.Contains(device) || Lost.Contains(device))
        {
            return (-542398533, "OpenEncodeSessionEx failed: generic error (20)");
        }

        if (OutOfMemoryDevices.Contains(device) || (Cap is { } cap && Open(_devices[device].Consumer ? null : device) >= cap))
        {
            return (OutOfMemory, "OpenEncodeSessionEx failed: out of memory (10)");
        }

        _sessions[lease] = (device, process, width, height, rate);
        return null;
    }

    public void Close(long lease) => _sessions.Remove(lease);

    public void Kill(int process)
    {
        foreach (var (lease, _) in _sessions.Where(session => session.Value.Process == process).ToArray())
        {
            _sessions.Remove(lease);
        }
    }

    public void AddForeign(string device, int process) => _foreign.Add((device, process));

    public void RemoveForeign() => _foreign.Clear();

    /// <summary>Our leases with a session, on one device or all.</summary>
    public IReadOnlyList<long> Leases(string? device = null) => [.. _sessions.Where(session => device is null || session.Value.Device == device).Select(session => session.Key).Order()];

    /// <summary>What the monitor says of each device.</summary>
    public IEnumerable<DeviceSample> Samples() => _devices.Keys.Select(Sample);

    public DeviceSample Sample(string id)
    {
        var listed = _sessions.Values.Where(session => session.Device == id).Select(s => new EncoderSessionSample(s.Process, "h264", s.Width, s.Height, s.Rate))
            .Concat(_foreign.Where(f => f.Device == id).Select(f => new EncoderSessionSample(f.Process, "h264", 1280, 720, 30)));
        var total = _devices[id].MemoryBytes;
        var used = OutOfMemoryDevices.Contains(id) ? total - (10L << 20) : (200L << 20) + (_sessions.Values.Count(s => s.Device == id) * (100L << 20));
        return new DeviceSample(id, null, null, null, used, total, null, null, null, [], [.. listed], Lost.Contains(id) ? new Reason(Reasons.DeviceLost, "fell off the bus") : null);
    }

    private DeviceReport Proved(DeviceReport device) => Open(device.Consumer ? null : device.Id) is var open && (open == 0 || open < (Cap ?? int.MaxValue)) ? device : device with
    {
        Engines = [.. device.Engines.Select(engine => engine.Engine == EngineKind.Encode ? engine with { Refusal = new Reason(Reasons.SessionLimit, "full") } : engine)],
    };

    private int Open(string? device) =>
        _sessions.Values.Count(s => s.Device != "cpu" && (device is null ? _devices[s.Device].Consumer : s.Device == device)) + _foreign.Count(f => device is null || f.Device == device);
}
