using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>What becomes of sessions: ends, failures, strain, and what only time brings.</summary>
public sealed partial class ResourceManager
{
    /// <summary>A driver's first context takes seconds on a loaded machine; a place that nobody confirmed after this is given back.</summary>
    private static readonly TimeSpan ReservationTime = TimeSpan.FromSeconds(15);

    /// <summary>How long a demand waits for those that make room for it.</summary>
    private static readonly TimeSpan PreemptionDeadline = TimeSpan.FromSeconds(3);

    /// <summary>Nothing goes back to a better place before it has been free for so long, and nothing that moved less than that ago.</summary>
    private static readonly TimeSpan ReturnAfter = TimeSpan.FromSeconds(10);

    /// <summary>A device is returned to only while it stays this far from full, so that the next stream doesn't push the returned one out again.</summary>
    private const double ReturnLimit = 0.75;

    /// <summary>Strain that this fast grows into lost frames before the next keyframe comes.</summary>
    private const double HardStrain = 1.05;

    private static readonly TimeSpan StrainStep = TimeSpan.FromMilliseconds(400);

    /// <summary>A device that is under half its load and slow all the same is not busy but ill.</summary>
    private const double IllBelow = 0.5;

    private const int ReturnsAtOnce = 4;

    /// <summary>What a device had no room for is not asked of it again for so long.</summary>
    private static readonly TimeSpan BusyTime = TimeSpan.FromSeconds(10);

    /// <summary>Nor what its encoder doesn't make; a guess from words, so it isn't kept for ever.</summary>
    private static readonly TimeSpan UnfitTime = TimeSpan.FromMinutes(10);

    private readonly HashSet<OwnerEntry> _waiting = [];
    private TimeSpan _roomSince = TimeSpan.MaxValue;
    private long _lastAsked;

    /// <summary>Once a second, and in tests as time is moved.</summary>
    public void Tick()
    {
        lock (_gate)
        {
            var now = Now;
            foreach (var lease in _ledger.Leases.Where(lease => lease.OpenedAt == TimeSpan.MaxValue && lease.State is LeaseState.Reserved or LeaseState.Leaving && now - lease.ReservedAt > ReservationTime).ToArray())
            {
                Expire(lease, now);
            }

            foreach (var entry in _ledger.Owners.Where(entry => entry.ExpectedLoad.Rate > 0 && now - entry.ExpectedSince > ReservationTime).ToArray())
            {
                _ledger.SetExpected(entry, default, now);
            }

            foreach (var device in _devices)
            {
                Advance(device, now);
            }

            ServePending(now);
            ServeAwaited(now);
            Return(now);
        }

        SendOrders();
    }

    private void Close(Lease lease, LeaseClosed closed, TimeSpan now)
    {
        var device = lease.Device;
        var tried = device.ProbationLease == lease;
        _roomAt = now;
        Lease? returned = null;
        if ((closed.Closing || closed.Outcome == LeaseOutcome.Hung) && lease.Counts)
        {
            // The session stays in the driver until its worker says that it has closed, or ends.
            returned = StepBack(lease);
            Forget(lease);
            lease.State = LeaseState.Stuck;
        }
        else
        {
            if (closed.Outcome != LeaseOutcome.Released)
            {
                returned = StepBack(lease);
            }

            if (lease.MovesTo is { } next)
            {
                next.MovesFrom = null;
            }

            _ledger.Release(lease, now);
        }

        switch (closed.Outcome)
        {
            case LeaseOutcome.OpenFailed:
                NotOpened(lease, closed, now);
                break;
            case LeaseOutcome.EncoderFailed:
                Strike(lease, new Reason(Reasons.EncoderFailed, Short(closed.Message)), whole: false, now);
                break;
            case LeaseOutcome.Hung:
                Strike(lease, new Reason(Reasons.EncoderHung, Short(closed.Message)), whole: true, now);
                break;
            case LeaseOutcome.Released when tried && device.Quarantine.Health == DeviceHealth.Probation && lease.OpenedAt != TimeSpan.MaxValue && now - lease.OpenedAt > Quarantine.ProbationTime:
                device.Quarantine.Pass(now);
                break;
        }

        GiveUp(returned, now);
        ServePending(now);
    }

    /// <summary>The place to which a move that failed would have returned is promised to a greater priority: the rendition goes elsewhere, or stops.</summary>
    private void GiveUp(Lease? returned, TimeSpan now)
    {
        if (returned is not null && _waiting.SelectMany(entry => entry.Pending).FirstOrDefault(pending => pending.WaitsFor.Contains(returned)) is { } pending)
        {
            Displace(returned, new Reason(Reasons.Preempted, $"its place goes to {pending.Unit.Terms.Rendition} (priority {pending.Unit.Terms.Priority})"), LeaseStart.Now, mustLeave: true, mayPreempt: false, now);
        }
    }

    /// <summary>A move that failed: the rendition is where it was.</summary>
    /// <returns>There; null: it came from nowhere.</returns>
    private static Lease? StepBack(Lease lease)
    {
        Lease? returned = null;
        if (lease.MovesFrom is { State: LeaseState.Leaving } old)
        {
            old.State = old.OpenedAt == TimeSpan.MaxValue ? LeaseState.Reserved : LeaseState.Open;
            old.MovesTo = null;
            returned = old;
            foreach (var number in lease.Numbers)
            {
                lease.Owner.Current[number] = old;
            }
        }

        lease.MovesFrom = null;
        return returned;
    }

    private static void Forget(Lease lease)
    {
        foreach (var number in lease.Numbers)
        {
            if (lease.Owner.Current.GetValueOrDefault(number) == lease)
            {
                lease.Owner.Current.Remove(number);
            }
        }
    }

    private void NotOpened(Lease lease, LeaseClosed closed, TimeSpan now)
    {
        var device = lease.Device;
        var open = OpenIn(device, orOpening: true);
        var failure = OpenFailures.Classify(closed, device.Group is null ? null : open, device.Group?.Cap, device.HasMemory(lease.Bytes));
        var words = Short(closed.Message);
        switch (failure)
        {
            case OpenFailure.Full when !_isProbing:
                device.Group!.Refused(open, words, now);
                LogCap(device.Group.Name, open, words);
                break;
            case OpenFailure.MemoryFull:
                LogMemory(device.Id, words);
                if (device.HasMemory(lease.Bytes))
                {
                    // The figures don't show it.
                    device.Refuse(lease.Place.Kind, lease.Settings, new Reason(Reasons.MemoryFull, words), now + BusyTime);
                }

                break;
            case OpenFailure.Full or OpenFailure.Busy:
                device.Refuse(lease.Place.Kind, lease.Settings, new Reason(Reasons.EngineFull, words), now + BusyTime);
                break;
            case OpenFailure.Unfit:
                device.Refuse(lease.Place.Kind, lease.Settings, new Reason(Reasons.NotCapable, words), now + UnfitTime);
                LogUnfit(lease.Place, lease.Settings.Width, lease.Settings.Height, lease.Owner.Owner.Stream, lease.Unit.Terms.Rendition, words);
                break;
            default:
                Strike(lease, new Reason(Reasons.EncoderFailed, $"no session could be opened: {words}"), whole: false, now);
                break;
        }
    }

    /// <summary>A failure that may be the device's.</summary>
    /// <param name="whole">It speaks for everything that runs there.</param>
    private void Strike(Lease lease, Reason reason, bool whole, TimeSpan now) => Strike(lease.Owner.Owner.Stream, lease.Device, reason, whole, now);

    private void Strike(string stream, DeviceState device, Reason reason, bool whole, TimeSpan now)
    {
        if (device.IsCpu)
        {
            // There is no other CPU to go to; what fails there is the stream's doing.
            return;
        }

        if (_streamFailures.Add(stream, device, now) is { } other)
        {
            other.Quarantine.Forgive(stream, now);
            LogStreamAtFault(stream, device.Id, other.Id, reason);
            return;
        }

        Blame(stream, device, reason, whole, now);
    }

    private void Blame(string stream, DeviceState device, Reason reason, bool whole, TimeSpan now)
    {
        var drained = device.Quarantine.Drains;
        device.Quarantine.Fail(stream, reason, whole, now);
        LogQuarantined(device.Id, (device.Quarantine.Until - now).TotalSeconds, stream, reason);
        if (device.Quarantine.Drains && !drained)
        {
            Drain(device, reason, now);
        }
    }

    private void Relieve(Lease lease, double ratio, TimeSpan now)
    {
        var device = lease.Device;
        if (device.StrainedAt == TimeSpan.MinValue || now - device.StrainedAt > StrainStep)
        {
            var ill = !device.IsCpu && device.Encode!.Utilisation < IllBelow && device.Strains(now) >= 3;
            device.StrainedAt = now;
            device.Encode!.Lower(Math.Clamp(1 / ratio, 0.7, 0.95));
            if (ill)
            {
                Strike(lease, new Reason(Reasons.EncoderSlow, "sessions fall behind although it has little to do"), whole: true, now);
            }
        }

        var start = ratio > HardStrain ? LeaseStart.Now : LeaseStart.NextKeyframe;
        Displace(lease, new Reason(Reasons.EncoderSlow, $"{device.Report.Name} is slower than the stream"), start, mustLeave: false, mayPreempt: false, now);
    }

    private void Expire(Lease lease, TimeSpan now)
    {
        var returned = StepBack(lease);
        Forget(lease);
        _ledger.Expire(lease, now);
        GiveUp(returned, now);
        _roomAt = now;
        LogExpired(lease.Id, lease.Owner.Owner.Stream, lease.Unit.Terms.Rendition, lease.Place);
    }

    private void Advance(DeviceState device, TimeSpan now)
    {
        if (device.Quarantine.Advance(now))
        {
            device.ProbationLease = null;
            _roomAt = now;
            LogProbation(device.Id);
        }
        else if (device.Quarantine.Health == DeviceHealth.Probation && device.ProbationLease is { State: LeaseState.Open } lease && now - lease.OpenedAt > Quarantine.ProbationTime)
        {
            device.Quarantine.Pass(now);
            _roomAt = now;
            LogSound(device.Id);
        }

        if (device.Encode is { } encode && (device.StrainedAt == TimeSpan.MinValue || now - device.StrainedAt > TimeSpan.FromMinutes(1)))
        {
            encode.Relax();
        }
    }

    /// <summary>Those whose places have become free, or who have waited long enough.</summary>
    private void ServePending(TimeSpan now)
    {
        if (_waiting.Count == 0)
        {
            return;
        }

        foreach (var entry in _waiting.ToArray())
        {
            foreach (var pending in entry.Pending.ToArray())
            {
                var late = now >= pending.Deadline;
                if (late || pending.WaitsFor.All(lease => lease.State is LeaseState.Closed or LeaseState.Expired))
                {
                    entry.Pending.Remove(pending);
                    Answer(entry, [pending.Unit], Case(entry, now) with { MayPreempt = !late });
                }
            }

            if (entry.Pending.Count == 0)
            {
                _waiting.Remove(entry);
            }
        }
    }

    /// <summary>
    /// Renditions go back to where the policy wants them, a few at a time, when a place there has been free for a while. All of them are asked in turn, so that
    /// one that fits nowhere doesn't keep the others. A device on probation gets one of them: where no new stream comes, nobody else would ever try it.
    /// One that hung waits for a new stream: a second hang costs a worker.
    /// </summary>
    private void Return(TimeSpan now)
    {
        var software = _placement.Policy.Order[0] == PlacementPolicy.Software;
        if (!software && !_devices.Exists(device => !device.IsCpu && device.IsPresent && device.MayTry &&
            device.Group?.HasRoom(now) != false && device.Encode?.Utilisation < ReturnLimit))
        {
            _roomSince = TimeSpan.MaxValue;
            return;
        }

        _roomSince = _roomSince == TimeSpan.MaxValue ? now : _roomSince;
        if (now - _roomSince < ReturnAfter)
        {
            return;
        }

        var away = _ledger.Leases.Where(lease => (lease.Tier > 0 || lease.IsReduced) && lease.State == LeaseState.Open && now - lease.OpenedAt > ReturnAfter).OrderBy(lease => lease.Id).ToList();
        foreach (var lease in away.Where(lease => lease.Id > _lastAsked).Concat(away).Take(Math.Min(away.Count, ReturnsAtOnce)).ToArray())
        {
            _lastAsked = lease.Id;
            var unit = lease.Unit with { Numbers = [.. lease.Numbers] };
            var decision = _placement.Decide([unit], Case(lease.Owner, now) with { Limit = ReturnLimit, MayPreempt = false, Runs = true })[0];
            if (decision.Placed is { } placed && IsBetter(placed, lease))
            {
                Move(lease, unit, placed, LeaseStart.NextKeyframe, new Reason(Reasons.Returned, placed.Reason.Detail), now);
            }
        }
    }

    private static bool IsBetter(Placed placed, Lease lease) =>
        placed.Tier < lease.Tier || (placed.Tier == lease.Tier && lease.IsReduced && placed.Settings with { BFrames = lease.Unit.Settings.BFrames } == lease.Unit.Settings);

    private static string Short(string message) => message.Length <= 200 ? message : message[..200];

    [LoggerMessage(282, LogLevel.Warning, "device {Device} is in quarantine for {Seconds:0} s: stream {Stream}, {Reason}")]
    private partial void LogQuarantined(string device, double seconds, string stream, Reason reason);

    [LoggerMessage(283, LogLevel.Information, "device {Device} is on probation: one session may try")]
    private partial void LogProbation(string device);

    [LoggerMessage(284, LogLevel.Information, "device {Device} is sound again")]
    private partial void LogSound(string device);

    [LoggerMessage(285, LogLevel.Warning, "{Group}: the driver allows {Sessions} sessions, learned from its answer \"{Message}\"")]
    private partial void LogCap(string group, int sessions, string message);

    [LoggerMessage(286, LogLevel.Warning, "device {Device} has no memory for another session: {Message}")]
    private partial void LogMemory(string device, string message);

    [LoggerMessage(289, LogLevel.Warning, "{Place} doesn't make what {Stream} {Rendition} asks for at {Width}x{Height}: {Message}")]
    private partial void LogUnfit(Media.Devices.DeviceRef place, int width, int height, string stream, string rendition, string message);

    [LoggerMessage(287, LogLevel.Warning, "stream {Stream} failed on {Device} as it did on {Other}: the stream is at fault, not the devices; {Reason}")]
    private partial void LogStreamAtFault(string stream, string device, string other, Reason reason);

    [LoggerMessage(288, LogLevel.Warning, "lease {Lease} of {Stream} {Rendition} on {Place} was never used: its place is free again")]
    private partial void LogExpired(long lease, string stream, string rendition, Media.Devices.DeviceRef place);
}
