using Prometheus;
using Transcoder.Media;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Api;

/// <summary>The devices' part of <c>GET /metrics</c>. A figure that a device doesn't give has no series.</summary>
internal static class DeviceMetrics
{
    private static readonly string[] Labels = ["device", "kind", "name"];

    public static void Add(IMetricFactory metrics, ResourceManager resources, DeviceWatch watch)
    {
        var snapshot = resources.Snapshot(withLeases: false);
        AddFigures(metrics, snapshot.Devices);
        AddLoads(metrics, snapshot.Devices);
        AddSessions(metrics, snapshot);
        metrics.CreateGauge("transcoder_device_monitor_up", "1 while the monitor gives figures.").Set(watch.MonitorFailure.Code is null ? 1 : 0);
        metrics.CreateCounter("transcoder_device_monitor_restarts_total", "Monitor processes that ended or hung in a driver and were replaced.").IncTo(watch.MonitorRestarts);
    }

    private static void AddFigures(IMetricFactory metrics, IReadOnlyList<DeviceStatus> devices)
    {
        var busy = metrics.CreateGauge("transcoder_device_utilisation_ratio", "Busy share of an engine: encode, decode or compute.", [.. Labels, "engine"]);
        var used = metrics.CreateGauge("transcoder_device_memory_used_bytes", "Device memory in use, by all processes.", Labels);
        var total = metrics.CreateGauge("transcoder_device_memory_total_bytes", "Device memory.", Labels);
        var temperature = metrics.CreateGauge("transcoder_device_temperature_celsius", "Temperature.", Labels);
        var power = metrics.CreateGauge("transcoder_device_power_watts", "Power drawn.", Labels);
        var clock = metrics.CreateGauge("transcoder_device_clock_hertz", "Clock of the video engines, or of the core they share it with.", Labels);
        var throttle = metrics.CreateGauge("transcoder_device_throttled", "1 for each reason that slows the device now.", [.. Labels, "reason"]);
        var health = metrics.CreateGauge("transcoder_device_info", "1, with the device's health and the reason for it.", [.. Labels, "health", "reason", "driver", "simulated"]);
        foreach (var device in devices)
        {
            var labels = LabelsOf(device);
            health.WithLabels([.. labels, DeviceViews.Word(device.Health), device.HealthReason?.Code ?? "", device.Report.Driver, device.Report.IsSimulated ? "yes" : "no"]).Set(1);
            if (device.Sample is not { } sample)
            {
                continue;
            }

            Set(busy, [.. labels, "encode"], sample.EncodeRatio);
            Set(busy, [.. labels, "decode"], sample.DecodeRatio);
            Set(busy, [.. labels, "compute"], sample.ComputeRatio);
            Set(used, labels, sample.MemoryUsedBytes);
            Set(total, labels, sample.MemoryTotalBytes);
            Set(temperature, labels, sample.TemperatureCelsius);
            Set(power, labels, sample.PowerWatts);
            Set(clock, labels, sample.ClockHertz);
            foreach (var reason in sample.ThrottleReasons)
            {
                throttle.WithLabels([.. labels, reason]).Set(1);
            }
        }
    }

    private static void AddLoads(IMetricFactory metrics, IReadOnlyList<DeviceStatus> devices)
    {
        string[] engineLabels = [.. Labels, "engine"];
        var capacity = metrics.CreateGauge("transcoder_device_capacity", "What the engine is thought to do: pixels a second, on the CPU cores.", engineLabels);
        var load = metrics.CreateGauge("transcoder_device_load", "What is on it, in the same unit, by whose it is: ours or foreign.", [.. engineLabels, "owner"]);
        var delay = metrics.CreateGauge("transcoder_device_predicted_delay_seconds", "Predicted mean wait of a frame.", engineLabels);
        var loss = metrics.CreateGauge("transcoder_device_predicted_loss_ratio", "Predicted share of frames that it would drop.", engineLabels);
        foreach (var device in devices)
        {
            (string Name, EngineStatus? Engine)[] engines = [("decode", device.Decode), ("scale", device.Scale), ("encode", device.Encode)];
            foreach (var (name, engine) in engines.Where(entry => entry.Engine is not null))
            {
                string[] labels = [.. LabelsOf(device), name];
                capacity.WithLabels(labels).Set(engine!.Capacity);
                load.WithLabels([.. labels, "ours"]).Set(engine.OurLoad);
                load.WithLabels([.. labels, "foreign"]).Set(engine.ForeignLoad);
                delay.WithLabels(labels).Set(engine.Delay);
                loss.WithLabels(labels).Set(engine.LossRatio);
            }
        }
    }

    private static void AddSessions(IMetricFactory metrics, ResourceSnapshot snapshot)
    {
        var sessions = metrics.CreateGauge("transcoder_device_encoder_sessions", "Encoder sessions on the device, by whose they are: ours or foreign.", [.. Labels, "owner"]);
        var cap = metrics.CreateGauge("transcoder_device_encoder_sessions_cap", "Sessions that the driver allows for all cards it counts together, as learned.", Labels);
        foreach (var device in snapshot.Devices)
        {
            var labels = LabelsOf(device);
            sessions.WithLabels([.. labels, "ours"]).Set(device.OurSessions);
            sessions.WithLabels([.. labels, "foreign"]).Set(device.ForeignSessions);
            Set(cap, labels, device.SessionCap);
        }

        Count(metrics.CreateCounter("transcoder_placements_total", "Places given to encoder sessions, by reason.", ["reason"]), snapshot.Granted);
        Count(metrics.CreateCounter("transcoder_placements_refused_total", "Demands for which there was no place, by reason.", ["reason"]), snapshot.Refused);
        Count(metrics.CreateCounter("transcoder_placements_moved_total", "Sessions ordered to another place, by reason.", ["reason"]), snapshot.Moved);
    }

    private static void Count(Counter counter, IReadOnlyDictionary<string, long> counts)
    {
        foreach (var (reason, count) in counts)
        {
            counter.WithLabels(reason).IncTo(count);
        }
    }

    private static void Set(Gauge gauge, string[] labels, double? value)
    {
        if (value is { } known)
        {
            gauge.WithLabels(labels).Set(known);
        }
    }

    private static string[] LabelsOf(DeviceStatus device) =>
        [device.Report.Id, DeviceViews.Kinds(device.Report).FirstOrDefault() ?? device.Report.Vendor, device.Report.Name];
}
