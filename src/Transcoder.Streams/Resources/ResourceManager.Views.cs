using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>What people and dashboards see, and what is kept over a restart.</summary>
public sealed partial class ResourceManager
{
    private readonly Dictionary<string, long> _granted = [];
    private readonly Dictionary<string, long> _refused = [];
    private readonly Dictionary<string, long> _moved = [];

    /// <summary>Figures older than this say nothing of now: the monitor writes each second.</summary>
    private static readonly TimeSpan FiguresLast = TimeSpan.FromSeconds(10);

    /// <param name="withLeases">False leaves them out: there may be thousands, each with every device that was weighed.</param>
    public ResourceSnapshot Snapshot(bool withLeases = true)
    {
        lock (_gate)
        {
            return new ResourceSnapshot(
                [.. _devices.Select(ViewOf)],
                !withLeases ? [] : [.. _ledger.Leases.Where(lease => lease.Counts).OrderBy(lease => lease.Id).Select(ViewOf)],
                new Dictionary<string, long>(_granted),
                new Dictionary<string, long>(_refused),
                new Dictionary<string, long>(_moved));
        }
    }

    /// <summary>For the state file: what was given at the start, with what was learned since.</summary>
    public ResourceState State()
    {
        lock (_gate)
        {
            var caps = new Dictionary<string, LearnedCap>(_learned.SessionCaps);
            var corrections = new Dictionary<string, LearnedCapacity>(_learned.Corrections);
            foreach (var group in _devices.Select(device => device.Group).OfType<SessionGroup>().Distinct())
            {
                caps.Remove(group.Name);
                if (group.Cap is { } cap)
                {
                    caps[group.Name] = new LearnedCap(cap, group.LearnedFrom, group.Driver);
                }
            }

            foreach (var device in _devices.Where(device => !device.IsCpu && device.Encode is { Source: CapacitySource.Observed }))
            {
                corrections[device.Id] = new LearnedCapacity(device.Report.Driver, Math.Round(device.Encode!.Correction, 3), device.Encode.Nominal);
            }

            return new ResourceState(caps, corrections);
        }
    }

    private static void Count(Dictionary<string, long> counter, string code) => counter[code] = counter.GetValueOrDefault(code) + 1;

    private DeviceStatus ViewOf(DeviceState device)
    {
        var quarantine = device.Quarantine;
        var health = device.IsPresent ? quarantine.Health : DeviceHealth.Lost;
        return new DeviceStatus(
            device.Report,
            health,
            quarantine.Reason.Code is null ? null : quarantine.Reason,
            health == DeviceHealth.Quarantined ? _originTime + quarantine.Until : null,
            quarantine.Failures,
            ViewOf(device.Decode),
            ViewOf(device.Scale),
            ViewOf(device.Encode),
            device.Leases.Count,
            device.ForeignSessions,
            device.Group?.Cap,
            device.Group?.LearnedFrom ?? "",
            device.Group?.Sessions ?? device.Leases.Count,
            Now - device.SampledAt <= FiguresLast ? device.Sample : null);
    }

    private static EngineStatus? ViewOf(EngineState? engine) => engine is null ? null : new EngineStatus(
        engine.Capacity,
        engine.Source,
        engine.Ours.Work,
        engine.Foreign.Work,
        engine.Utilisation,
        EngineQueue.Wait(engine.Load, engine.Capacity),
        EngineQueue.Loss(engine.Load, engine.Capacity));

    private LeaseStatus ViewOf(Lease lease) => new(
        lease.Id,
        lease.Owner.Owner.Stream,
        [.. lease.Numbers.Select(number => lease.Owner.Owner.Terms(number).Rendition)],
        lease.Place,
        lease.State,
        lease.Settings,
        lease.Unit.Terms.Priority,
        _originTime + lease.ReservedAt,
        lease.OpenedAt == TimeSpan.MaxValue ? null : _originTime + lease.OpenedAt,
        lease.Reason,
        [.. lease.Options.Select(option => new PlaceView(
            option.Device.Id, option.Device.Report.Name, option.Kind, double.IsNaN(option.Cost) ? null : option.Cost, option.Refusal is { } code ? new Reason(code, "") : null))]);
}

/// <param name="Granted">Places given since the start, by reason code; likewise refusals and moves.</param>
public sealed record ResourceSnapshot(
    IReadOnlyList<DeviceStatus> Devices,
    IReadOnlyList<LeaseStatus> Leases,
    IReadOnlyDictionary<string, long> Granted,
    IReadOnlyDictionary<string, long> Refused,
    IReadOnlyDictionary<string, long> Moved);

/// <param name="HealthReason">Why it is not sound; null: it is.</param>
/// <param name="Until">End of the quarantine; null: none.</param>
/// <param name="OurSessions">Leases that are reserved or open here.</param>
/// <param name="SessionCap">As learned, of the whole group that the driver counts together; null: none met.</param>
/// <param name="GroupSessions">Sessions that count against the cap, ours and others'.</param>
public sealed record DeviceStatus(
    DeviceReport Report,
    DeviceHealth Health,
    Reason? HealthReason,
    DateTimeOffset? Until,
    int Failures,
    EngineStatus? Decode,
    EngineStatus? Scale,
    EngineStatus? Encode,
    int OurSessions,
    int ForeignSessions,
    int? SessionCap,
    string CapLearnedFrom,
    int GroupSessions,
    DeviceSample? Sample);

/// <summary>Units are pixels a second (H.264 at preset speed); on the CPU, whose three engines are one, cores.</summary>
/// <param name="Delay">Predicted mean wait of a frame, seconds.</param>
/// <param name="LossRatio">Predicted share of frames that it would drop.</param>
public sealed record EngineStatus(double Capacity, CapacitySource Source, double OurLoad, double ForeignLoad, double Utilisation, double Delay, double LossRatio);

/// <param name="Opened">When its session was confirmed; null: not yet.</param>
/// <param name="Places">The devices as they were when it was placed.</param>
public sealed record LeaseStatus(
    long Id,
    string Stream,
    IReadOnlyList<string> Renditions,
    DeviceRef Place,
    LeaseState State,
    VideoEncoderSettings Settings,
    int Priority,
    DateTimeOffset Since,
    DateTimeOffset? Opened,
    Reason Reason,
    IReadOnlyList<PlaceView> Places);
