using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>What devices say of themselves: probe, monitor, and the figures of the workers.</summary>
public sealed partial class ResourceManager
{
    private const string ConsumerCards = "nvidia consumer cards";

    /// <summary>A load must have been the same for so long before utilisation is compared with it.</summary>
    private static readonly TimeSpan Steady = TimeSpan.FromSeconds(4);

    /// <summary>Other programs' work that only a utilisation tells of: frames of this size.</summary>
    private const double ForeignFrame = 1920 * 1080;

    private readonly ResourceState _learned;
    private bool _isProbing;

    /// <summary>A probe opens sessions of its own: what is refused while it runs says nothing of how many a driver allows.</summary>
    public bool IsProbing
    {
        set
        {
            lock (_gate)
            {
                _isProbing = value;
            }
        }
    }

    /// <summary>What a probe has found; once it is complete, devices that it doesn't list are gone.</summary>
    public void Apply(ProbeReport report)
    {
        lock (_gate)
        {
            var now = Now;
            _roomAt = now;
            foreach (var found in report.Devices)
            {
                Apply(found, now);
            }

            foreach (var gone in _devices.Where(device => report.IsComplete && !device.IsCpu && device.IsPresent && report.Devices.All(found => found.Id != device.Id)).ToArray())
            {
                gone.IsPresent = false;
                Lose(gone, new Reason(Reasons.DeviceLost, $"{gone.Report.Name} is no longer found"), now);
            }
        }

        SendOrders();
    }

    /// <summary>What the monitor saw of a device, each second.</summary>
    public void Observe(DeviceSample sample)
    {
        lock (_gate)
        {
            if (_devices.Find(device => device.Id == sample.Device) is { } device)
            {
                Observe(device, sample, Now);
            }
        }

        SendOrders();
    }

    /// <summary>A worker's report: its CPU seconds correct what software is thought to cost.</summary>
    public void Observe(ILeaseOwner owner, WorkerReport report)
    {
        lock (_gate)
        {
            if (_ledger.OwnerOrNull(owner) is { } entry)
            {
                LearnCpu(entry, report.CpuSeconds, Now);
            }
        }
    }

    private void Apply(DeviceReport found, TimeSpan now)
    {
        if (_devices.Find(device => device.Id == found.Id) is not { } device)
        {
            device = new DeviceState(found, 0);
            _devices.Add(device);
        }

        var changed = device.Report.Driver != found.Driver;
        device.Update(found);
        device.IsPresent = true;
        device.Quarantine.Find(now);
        if (device.Group is null && found.Engines.Any(engine => engine is { Engine: EngineKind.Encode, Kind: "nvenc" }))
        {
            Group(device, found, now);
        }
        else if (changed)
        {
            device.Group?.SetDriver(found.Driver);
        }

        if (_learned.Calibrations.GetValueOrDefault(found.Id) is { } calibration && calibration.Driver == found.Driver)
        {
            device.Calibrate(calibration);
        }

        if (_learned.Corrections.GetValueOrDefault(found.Id) is { } learned && learned.Driver == found.Driver &&
            device.Encode is { Source: not CapacitySource.Observed } encode && learned.Base == encode.Nominal)
        {
            encode.Restore(learned.Encode);
        }
    }

    private void Group(DeviceState device, DeviceReport found, TimeSpan now)
    {
        var name = found.Consumer ? ConsumerCards : found.Id;
        device.Group = _devices.Select(other => other.Group).FirstOrDefault(group => group?.Name == name);
        if (device.Group is null)
        {
            device.Group = new SessionGroup(name) { Driver = found.Driver };
            if (_learned.SessionCaps.GetValueOrDefault(name) is { } cap && cap.Driver == found.Driver)
            {
                device.Group.Restore(cap.Sessions, cap.LearnedFrom, cap.Driver, now);
            }
        }
    }

    private void Observe(DeviceState device, DeviceSample sample, TimeSpan now)
    {
        (device.Sample, device.SampledAt) = (sample, now);
        if (sample.Lost is { } lost)
        {
            Lose(device, lost, now);
            return;
        }

        device.Quarantine.Find(now);
        CountForeign(device, sample, now);
        foreach (var lease in device.Leases)
        {
            // A session that has run for a moment is in the sample's figure.
            if (lease.MemoryUnseen && lease.State != LeaseState.Reserved && now - lease.OpenedAt > TimeSpan.FromSeconds(1))
            {
                lease.MemoryUnseen = false;
                device.UnseenBytes -= lease.Bytes;
            }
        }

        _ledger.Recount(device);
        if (device.IsCpu || device.Encode is not { } encode || sample.EncodeRatio is not { } busy || now - encode.ChangedAt <= Steady)
        {
            return;
        }

        if (sample.Sessions is null)
        {
            EstimateForeign(encode, busy, now);
        }

        if (device.Leases.TrueForAll(lease => lease.State == LeaseState.Open) && encode.Ours.Rate > 0)
        {
            encode.Learn(busy);
        }
    }

    /// <summary>
    /// Where the driver lists no sessions, what keeps an engine busy on which nothing of ours runs is foreign. Beside ours it may only become less: more could as
    /// well be ours that takes longer.
    /// </summary>
    private void EstimateForeign(EngineState encode, double busy, TimeSpan now)
    {
        var work = busy > 0.05 ? Math.Max(0, (busy * encode.Capacity) - encode.Ours.Work) : 0;
        if (encode.Ours.Rate <= 0 || work < encode.Foreign.Work)
        {
            _roomAt = work < encode.Foreign.Work ? now : _roomAt;
            encode.Foreign = EngineLoad.Of(work / ForeignFrame, ForeignFrame);
        }
    }

    /// <summary>Sessions that the driver lists and that are not our workers'.</summary>
    private void CountForeign(DeviceState device, DeviceSample sample, TimeSpan now)
    {
        if (sample.Sessions is not { } listed)
        {
            return;
        }

        var ours = _ledger.Processes(now);
        var foreign = listed.Where(session => !ours.Contains(session.ProcessId)).ToList();
        var open = device.Leases.Count(lease => lease.State is not LeaseState.Reserved && now - lease.OpenedAt > TimeSpan.FromSeconds(2));
        if (open > 0 && foreign.Count == listed.Count)
        {
            // The driver numbers processes from outside our container: none of its numbers is one of ours, so ours are told by count.
            foreign = [.. foreign.Skip(Math.Min(open, foreign.Count))];
        }

        if (foreign.Count < device.ForeignSessions)
        {
            _roomAt = now;
        }

        device.ForeignSessions = foreign.Count;
        if (device.Encode is { } encode)
        {
            encode.Foreign = foreign.Aggregate(default(EngineLoad), (sum, session) => sum + Load(device, session));
        }

        if (device.Group is { } group)
        {
            CountForeign(group);
            group.Seen(_devices.Where(other => other.Group == group).Sum(other => other.Sample?.Sessions?.Count ?? 0));
        }
    }

    private void CountForeign(SessionGroup group) => group.Foreign = _devices.Where(other => other.Group == group).Sum(other => other.ForeignSessions);

    private static EngineLoad Load(DeviceState device, EncoderSessionSample session)
    {
        var codec = session.Codec.Equals("hevc", StringComparison.OrdinalIgnoreCase) ? Media.Tracks.CodecId.Hevc
            : session.Codec.Equals("av1", StringComparison.OrdinalIgnoreCase) ? Media.Tracks.CodecId.Av1 : Media.Tracks.CodecId.H264;
        return EngineLoad.Of(session.FrameRate, session.Width * (double)session.Height * device.Weight(codec));
    }

    private void LearnCpu(OwnerEntry entry, double seconds, TimeSpan now)
    {
        var before = entry.Cpu;
        entry.Cpu = (seconds, now);
        var engine = _cpu.Encode!;
        if (before is not var (earlier, at) || seconds <= earlier || now - at < TimeSpan.FromMilliseconds(500) || now - engine.ChangedAt < Steady)
        {
            return;
        }

        // What this worker should take by the table, against what it took.
        var predicted = entry.Leases.Where(lease => lease.Device == _cpu && lease.State == LeaseState.Open).Sum(lease => lease.Load.Work) +
            (entry.Decoder == _cpu ? entry.DecodeLoad.Work : 0) + (entry.Scaler == _cpu ? entry.ScaleLoad.Work : 0);
        var taken = (seconds - earlier) / (now - at).TotalSeconds;
        if (predicted > 0.1)
        {
            engine.LearnRatio(predicted / Math.Max(taken, 0.01), Math.Min(1, predicted / engine.Nominal));
        }
    }

    private void Lose(DeviceState device, Reason reason, TimeSpan now)
    {
        if (device.Quarantine.Health != DeviceHealth.Lost)
        {
            LogLost(device.Id, reason);
        }

        device.ForeignSessions = 0;
        if (device.Encode is { } encode)
        {
            encode.Foreign = default;
        }

        if (device.Group is { } group)
        {
            CountForeign(group);
        }

        device.Quarantine.Lose(reason);
        Drain(device, new Reason(Reasons.DeviceLost, reason.Detail), now);
    }

    /// <summary>What runs there goes elsewhere, the most important first.</summary>
    private void Drain(DeviceState device, Reason reason, TimeSpan now)
    {
        var stay = device.Quarantine.Health != DeviceHealth.Lost;
        foreach (var lease in device.Leases.OrderByDescending(lease => lease.Unit.Terms.Priority).ThenByDescending(lease => lease.Unit.PixelRate).ToArray())
        {
            Displace(lease, reason, LeaseStart.Now, mustLeave: !stay, mayPreempt: true, now);
        }

        MoveDecoders(device, reason, now);
    }

    /// <summary>Sessions that are known to be open in a device's group: ours that were confirmed, and others'.</summary>
    /// <param name="orOpening">Also ours that are being opened: one of several that open together may be refused before the word comes that the others run.</param>
    private int OpenIn(DeviceState device, bool orOpening = false)
    {
        var group = device.Group;
        var devices = group is null ? [device] : _devices.Where(other => other.Group == group);
        return devices.Sum(other => other.ForeignSessions + other.Leases.Count(lease => lease.State is LeaseState.Open or LeaseState.Stuck || (orOpening && lease.State == LeaseState.Reserved) || (lease.State == LeaseState.Leaving && lease.OpenedAt != TimeSpan.MaxValue)));
    }

    [LoggerMessage(281, LogLevel.Error, "device {Device} is lost: {Reason}")]
    private partial void LogLost(string device, Reason reason);
}
