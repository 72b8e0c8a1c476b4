using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Media;
using Transcoder.Media.Devices;

namespace Transcoder.Codecs.Monitoring;

/// <summary>NVIDIA's cards by NVML. A card that was seen once is reported for ever: as lost when the driver says so.</summary>
internal sealed class NvidiaMonitor : IDisposable
{
    // nvmlClocksThrottleReason*, nvml.h. That it idles (bit 0) is no throttling.
    private static readonly (ulong Bit, string Word)[] Throttles =
    [
        (0x2, "application_clocks"), (0x4, "power_cap"), (0x8, "hardware_slowdown"), (0x10, "sync_boost"), (0x20, "thermal_software"),
        (0x40, "thermal_hardware"), (0x80, "power_brake"), (0x100, "display_clocks"),
    ];

    // A library that is opened while a card is off the bus doesn't see it come back.
    private const int SamplesBetweenOpenings = 5;

    private readonly HashSet<string> _seen = [];
    private Nvml? _nvml;
    private int _untilOpening;

    public IEnumerable<DeviceSample> Sample()
    {
        Reopen();
        if (_nvml is not null)
        {
            _seen.UnionWith(_nvml.Devices());
        }

        return _seen.Order(StringComparer.Ordinal).Select(uuid => _nvml is null ? Lost(uuid, "its driver no longer answers") : Of(_nvml, uuid)).ToArray();
    }

    public void Dispose() => _nvml?.Dispose();

    private void Reopen()
    {
        if (_untilOpening-- > 0 || (_nvml is not null && !_seen.Any(_nvml.IsLost)))
        {
            return;
        }

        _untilOpening = SamplesBetweenOpenings;
        _nvml?.Dispose();
        _nvml = Nvml.TryOpen();
    }

    private static DeviceSample Of(Nvml nvml, string uuid)
    {
        if (nvml.IsLost(uuid))
        {
            return Lost(uuid, "the driver says that the card is lost (it has fallen off the bus): see the kernel's log (dmesg), then restart the machine");
        }

        var (compute, encode, decode) = nvml.Utilisation(uuid);
        var memory = nvml.Memory(uuid);
        var throttle = nvml.ThrottleReasons(uuid) ?? 0;
        return new DeviceSample(
            uuid,
            encode,
            decode,
            compute,
            memory?.Total - memory?.Free,
            memory?.Total,
            nvml.Celsius(uuid),
            nvml.Watts(uuid),
            nvml.VideoHertz(uuid),
            [.. Throttles.Where(reason => (throttle & reason.Bit) != 0).Select(reason => reason.Word)],
            nvml.Sessions(uuid),
            Lost: null);
    }

    private static DeviceSample Lost(string uuid, string why) =>
        new(uuid, null, null, null, null, null, null, null, null, [], null, new Reason(Reasons.DeviceLost, why));
}
