using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Api;

/// <summary>The body of <c>GET /api/v1/devices</c>.</summary>
/// <param name="Findings">What concerns no single device, and why the probe or the monitor gives nothing.</param>
internal sealed record DevicesView(IReadOnlyList<DeviceView> Devices, IReadOnlyList<ReasonView> Findings, string Libraries);

/// <param name="Id">Stable: "cpu", a GPU's UUID or a PCI address.</param>
/// <param name="Kinds">The interfaces that it is reached over.</param>
/// <param name="Health">sound, quarantined, probation or lost.</param>
/// <param name="HealthReason">Why it is not sound.</param>
/// <param name="QuarantinedUntil">UTC.</param>
/// <param name="Capabilities">What each engine can do, proved by doing it, or why not.</param>
/// <param name="Figures">The monitor's last sample; null: none.</param>
internal sealed record DeviceView(
    string Id,
    string Name,
    string Vendor,
    string Address,
    string Driver,
    IReadOnlyList<string> Kinds,
    bool Simulated,
    string Health,
    ReasonView? HealthReason,
    DateTimeOffset? QuarantinedUntil,
    int Failures,
    EngineView? Decode,
    EngineView? Scale,
    EngineView? Encode,
    SessionsView Sessions,
    FiguresView? Figures,
    IReadOnlyList<CapabilityView> Capabilities,
    IReadOnlyList<ReasonView> Findings);

/// <summary>Capacity and loads are pixels a second (H.264 at preset speed); on the CPU, whose engines are one, cores.</summary>
/// <param name="CapacityFrom">assumed, calibrated or observed.</param>
/// <param name="PredictedDelay">Mean wait of a frame, seconds.</param>
/// <param name="PredictedLoss">Share of frames that it would drop.</param>
internal sealed record EngineView(double Capacity, string CapacityFrom, double OurLoad, double ForeignLoad, double Utilisation, double PredictedDelay, double PredictedLoss);

/// <param name="Foreign">Of other programs.</param>
/// <param name="Cap">As learned, of all cards that the driver counts together; null: none met.</param>
/// <param name="Counted">Sessions that count against the cap.</param>
internal sealed record SessionsView(int Ours, int Foreign, int? Cap, string CapLearnedFrom, int Counted);

/// <summary>Ratios are 0 to 1. What the device doesn't give is left out.</summary>
internal sealed record FiguresView(
    double? Encode,
    double? Decode,
    double? Compute,
    long? MemoryUsed,
    long? MemoryTotal,
    double? Temperature,
    double? Power,
    double? Clock,
    IReadOnlyList<string> Throttle);

internal sealed record CapabilityView(string Engine, string Kind, string? Codec, string Implementation, int MinWidth, int MinHeight, int MaxWidth, int MaxHeight, int MaxBFrames, ReasonView? Refusal);

/// <summary>The body of <c>GET /api/v1/sessions</c>: every encoder session and place held for one, with why it is there.</summary>
internal sealed record LeasesView(IReadOnlyList<LeaseView> Sessions);

/// <param name="State">reserved, open, leaving or stuck.</param>
/// <param name="Places">Every device as it was weighed then: a cost, or why not.</param>
internal sealed record LeaseView(
    long Lease,
    string Stream,
    IReadOnlyList<string> Renditions,
    string Device,
    string Kind,
    string State,
    string Codec,
    int Width,
    int Height,
    double FrameRate,
    string Preset,
    int Priority,
    DateTimeOffset Since,
    ReasonView Reason,
    IReadOnlyList<WeighedView> Places);

/// <param name="Cost">Frames waiting at any moment, and frames lost a second, that it would add; null: not weighed.</param>
internal sealed record WeighedView(string Device, string Name, string Kind, double? Cost, ReasonView? Refusal);

/// <summary>Turns what the resource manager knows into what the API shows.</summary>
internal static class DeviceViews
{
    public static DevicesView All(ResourceManager resources, DeviceWatch watch)
    {
        Reason[] failures = [watch.ProbeFailure, watch.MonitorFailure];
        return new DevicesView(
            [.. resources.Snapshot(withLeases: false).Devices.Select(Of)],
            [.. failures.Where(failure => failure.Code is not null).Concat(watch.Report?.Findings ?? []).Select(StreamViews.Of)],
            watch.Report?.Libraries ?? "");
    }

    public static LeasesView Leases(ResourceManager resources) => new([.. resources.Snapshot().Leases.Select(lease => new LeaseView(
        lease.Id,
        lease.Stream,
        lease.Renditions,
        lease.Place.Id,
        lease.Place.Kind,
        Word(lease.State),
        lease.Settings.Codec.Name(),
        lease.Settings.Width,
        lease.Settings.Height,
        Round(lease.Settings.FrameRate),
        lease.Settings.Preset,
        lease.Priority,
        lease.Since,
        StreamViews.Of(lease.Reason),
        [.. lease.Places.Select(Of)]))]);

    public static WeighedView Of(PlaceView place) => new(place.Device, place.Name, place.Kind, place.Cost is { } cost ? Round(cost) : null, Of(place.Refusal));

    public static string Word(DeviceHealth health) => health switch
    {
        DeviceHealth.Quarantined => "quarantined",
        DeviceHealth.Probation => "probation",
        DeviceHealth.Lost => "lost",
        _ => "sound",
    };

    /// <summary>The interfaces that something works over, those that encode first.</summary>
    public static IReadOnlyList<string> Kinds(DeviceReport report) =>
        [.. report.Engines.Where(engine => engine.IsUsable).OrderByDescending(engine => engine.Engine == EngineKind.Encode).Select(engine => engine.Kind).Distinct()];

    private static DeviceView Of(DeviceStatus device) => new(
        device.Report.Id,
        device.Report.Name,
        device.Report.Vendor,
        device.Report.Address,
        device.Report.Driver,
        Kinds(device.Report),
        device.Report.IsSimulated,
        Word(device.Health),
        Of(device.HealthReason),
        device.Until,
        device.Failures,
        Of(device.Decode),
        Of(device.Scale),
        Of(device.Encode),
        new SessionsView(device.OurSessions, device.ForeignSessions, device.SessionCap, device.CapLearnedFrom, device.GroupSessions),
        device.Sample is { } sample ? Of(sample) : null,
        [.. device.Report.Engines.Select(Of)],
        [.. device.Report.Findings.Select(StreamViews.Of)]);

    private static CapabilityView Of(EngineCapability engine) => new(
        engine.Engine switch { EngineKind.Decode => "decode", EngineKind.Scale => "scale", _ => "encode" },
        engine.Kind,
        engine.Codec?.Name(),
        engine.Implementation,
        engine.MinWidth,
        engine.MinHeight,
        engine.MaxWidth,
        engine.MaxHeight,
        engine.MaxBFrames,
        Of(engine.Refusal));

    private static EngineView? Of(EngineStatus? engine) => engine is null ? null : new EngineView(
        Round(engine.Capacity),
        engine.Source switch { CapacitySource.Calibrated => "calibrated", CapacitySource.Observed => "observed", _ => "assumed" },
        Round(engine.OurLoad),
        Round(engine.ForeignLoad),
        Round(engine.Utilisation),
        Round(engine.Delay),
        Round(engine.LossRatio));

    private static FiguresView Of(DeviceSample sample) => new(
        sample.EncodeRatio,
        sample.DecodeRatio,
        sample.ComputeRatio,
        sample.MemoryUsedBytes,
        sample.MemoryTotalBytes,
        sample.TemperatureCelsius,
        sample.PowerWatts,
        sample.ClockHertz,
        sample.ThrottleReasons);

    private static string Word(LeaseState state) => state switch
    {
        LeaseState.Reserved => "reserved",
        LeaseState.Open => "open",
        LeaseState.Leaving => "leaving",
        LeaseState.Stuck => "stuck",
        _ => "closed",
    };

    private static ReasonView? Of(Reason? reason) => reason is { } given ? StreamViews.Of(given) : null;

    private static double Round(double value) => Math.Round(value, 4);
}
