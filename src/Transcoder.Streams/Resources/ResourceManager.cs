using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>
/// Knows every device, every encoder session and what each costs, and decides where the next one goes. Thread safe; a call takes well under a millisecond and
/// waits for nothing. What owners are told goes through <see cref="ILeaseOwner.Order"/>, outside the lock and in the order of the decisions.
/// </summary>
public sealed partial class ResourceManager
{
    private readonly Lock _gate = new();
    private readonly Lock _sending = new();
    private readonly ConcurrentQueue<Action> _orders = new();
    private readonly TimeProvider _clock;
    private readonly long _origin;
    private readonly DateTimeOffset _originTime;
    private readonly ILogger _log;
    private readonly List<DeviceState> _devices = [];
    private readonly Ledger _ledger = new();
    private readonly StreamFailures _streamFailures = new();
    private readonly Placement _placement;
    private readonly DeviceState _cpu;

    /// <param name="cores">The machine's logical cores.</param>
    /// <param name="state">What an earlier run learned, and what was calibrated.</param>
    public ResourceManager(PlacementPolicy policy, int cores, TimeProvider clock, ILogger<ResourceManager> log, ResourceState? state = null)
    {
        (_clock, _log) = (clock, log);
        (_origin, _originTime) = (clock.GetTimestamp(), clock.GetUtcNow());
        _learned = state ?? ResourceState.Empty;
        var unprobed = new DeviceReport(DeviceRef.Cpu.Id, "CPU", "cpu", "", "", false, 0, false, [], []);
        _cpu = new DeviceState(unprobed, cores);
        _devices.Add(_cpu);
        _placement = new Placement(_devices, _streamFailures);
        Policy = policy;
    }

    /// <summary>Takes effect with the next decision; what runs stays where it is.</summary>
    public PlacementPolicy Policy
    {
        get
        {
            lock (_gate)
            {
                return _placement.Policy;
            }
        }

        set
        {
            lock (_gate)
            {
                _placement.Policy = value;
                _cpu.Encode!.Nominal = value.CpuBudget ?? _cpu.Cores;
                _roomAt = Now;
            }
        }
    }

    private TimeSpan Now => _clock.GetElapsedTime(_origin);

    /// <summary>
    /// Places for a worker's encoders. Each demand is answered by <see cref="ILeaseOwner.Order"/>: most before this returns, one that waits for somebody's place
    /// within three seconds. Equal settings of one owner get the same lease in several grants: one session, whose packets go to all of them. Every lease granted
    /// is to be closed by the worker, whether it was opened or not.
    /// </summary>
    public void Request(ILeaseOwner owner, LeaseRequest request)
    {
        lock (_gate)
        {
            var now = Now;
            var entry = _ledger.Owner(owner);
            foreach (var demand in request.Demands)
            {
                entry.Demands[demand.Number] = demand.Settings;
                entry.Pending.RemoveAll(pending => pending.Unit.Numbers.Contains(demand.Number));
            }

            _ledger.SetExpected(entry, default, now);
            SetDecoder(entry, request, now);
            Answer(entry, Units(entry, request.Demands), Case(entry, now));
        }

        SendOrders();
    }

    /// <summary>The session of this lease runs.</summary>
    /// <returns>False: no such lease of this owner.</returns>
    public bool Confirm(ILeaseOwner owner, long lease)
    {
        lock (_gate)
        {
            if (Find(owner, lease) is not { } found)
            {
                return false;
            }

            _ledger.Confirm(found, Now);
            foreach (var number in found.Numbers)
            {
                found.Owner.Awaited.Remove(number);
            }

            found.Device.Group?.Seen(OpenIn(found.Device));
            return true;
        }
    }

    /// <summary>The session has ended, or was never there.</summary>
    public void Close(ILeaseOwner owner, LeaseClosed closed)
    {
        lock (_gate)
        {
            if (Find(owner, closed.Lease) is { } lease)
            {
                Close(lease, closed, Now);
            }
        }

        SendOrders();
    }

    /// <summary>A session that runs cannot keep up.</summary>
    public void Strained(ILeaseOwner owner, LeaseStrained strained)
    {
        lock (_gate)
        {
            if (Find(owner, strained.Lease) is { State: LeaseState.Open or LeaseState.Reserved } lease)
            {
                Relieve(lease, strained.EncodeRatio, Now);
            }
        }

        SendOrders();
    }

    /// <summary>The worker has died or is to be forgotten: everything of it is free at once.</summary>
    public void ReleaseAll(ILeaseOwner owner)
    {
        lock (_gate)
        {
            if (_ledger.OwnerOrNull(owner) is { } entry)
            {
                var now = Now;
                _ledger.Remove(entry, now);
                entry.Pending.Clear();
                _roomAt = now;
                ServePending(now);
            }
        }

        SendOrders();
    }

    private Lease? Find(ILeaseOwner owner, long id) => _ledger.Find(id) is { } lease && lease.Owner.Owner == owner ? lease : null;

    private PlacementCase Case(OwnerEntry entry, TimeSpan now)
    {
        _placement.LeastPriority = _ledger.LeastPriority;
        return new PlacementCase(entry, entry.Decoder, Math.Max(1, entry.Demands.Count), now);
    }

    /// <summary>Demands with equal settings and policy are one unit; the most important of them speaks for it.</summary>
    private List<DemandUnit> Units(OwnerEntry entry, IReadOnlyList<EncodeDemand> demands)
    {
        var fallback = _placement.Policy.Fallback;
        return [.. demands
            .Select(demand => (demand.Number, demand.Settings, Terms: entry.Owner.Terms(demand.Number)))
            .GroupBy(demand => (demand.Settings, Fallback: demand.Terms.Fallback ?? fallback))
            .Select(same => new DemandUnit([.. same.Select(demand => demand.Number)], same.Key.Settings, same.MaxBy(demand => demand.Terms.Priority).Terms, same.Key.Fallback))];
    }

    private void Answer(OwnerEntry entry, IReadOnlyList<DemandUnit> units, in PlacementCase circumstances)
    {
        var open = new List<DemandUnit>(units.Count);
        foreach (var unit in units)
        {
            if (!Stays(entry, unit) && !Joins(entry, unit))
            {
                open.Add(unit);
            }
        }

        foreach (var decision in _placement.Decide(open, circumstances))
        {
            if (decision.Placed is { } placed)
            {
                var lease = _ledger.Reserve(entry, decision.Unit, placed, circumstances.Now);
                Grant(lease, LeaseStart.Now, lease.Reason);
                Count(_granted, lease.Reason.Code);
            }
            else if (decision.Victims.Count > 0)
            {
                entry.Pending.Add(new PendingDemand(decision.Unit, decision.Victims, circumstances.Now + PreemptionDeadline));
                _waiting.Add(entry);
                foreach (var victim in decision.Victims)
                {
                    var sameLadder = victim.Owner == entry && victim.Unit.Terms.Priority == decision.Unit.Terms.Priority;
                    var reason = new Reason(
                        sameLadder ? Reasons.Reduced : Reasons.Preempted, $"its place goes to {entry.Owner.Stream} {decision.Unit.Terms.Rendition} (priority {decision.Unit.Terms.Priority})");
                    Displace(victim, reason, LeaseStart.Now, mustLeave: true, mayPreempt: false, circumstances.Now);
                }
            }
            else
            {
                Refuse(entry, decision.Unit.Numbers, decision.Unit.Settings, decision.Refusal);
            }
        }
    }

    /// <summary>A rendition that asks while its session runs well goes on with it: its move failed, and where it was is still good.</summary>
    private bool Stays(OwnerEntry entry, DemandUnit unit)
    {
        if (entry.Current.GetValueOrDefault(unit.Numbers[0]) is not { State: LeaseState.Open } lease || lease.Unit.Settings != unit.Settings || !lease.Device.Quarantine.IsOpen)
        {
            return false;
        }

        Grant(lease, LeaseStart.Now, lease.Reason);
        return true;
    }

    /// <summary>A session of the same owner with the same settings serves this rendition as well.</summary>
    private bool Joins(OwnerEntry entry, DemandUnit unit)
    {
        var lease = entry.Leases.Find(lease => lease.State is LeaseState.Reserved or LeaseState.Open && lease.MovesTo is null && lease.Device.Quarantine.IsOpen &&
            lease.Unit.Settings == unit.Settings && lease.Unit.Fallback == unit.Fallback);
        if (lease is null)
        {
            return false;
        }

        foreach (var number in unit.Numbers)
        {
            if (!lease.Numbers.Contains(number))
            {
                lease.Numbers.Add(number);
            }

            entry.Current[number] = lease;
            Send(entry, new LeaseGrant(number, lease.Id, lease.Place, lease.Settings, LeaseStart.Now, Shared(entry, lease)));
        }

        return true;
    }

    private static Reason Shared(OwnerEntry entry, Lease lease) =>
        new(Reasons.SharedSession, $"the session of {entry.Owner.Terms(lease.Numbers[0]).Rendition} has the same settings");

    private void Grant(Lease lease, LeaseStart start, Reason reason)
    {
        foreach (var number in lease.Numbers)
        {
            var why = number == lease.Numbers[0] ? reason : Shared(lease.Owner, lease);
            Send(lease.Owner, new LeaseGrant(number, lease.Id, lease.Place, lease.Settings, start, why));
        }
    }

    private void Refuse(OwnerEntry entry, IEnumerable<int> numbers, VideoEncoderSettings settings, Reason reason)
    {
        Count(_refused, reason.Code);
        foreach (var number in numbers)
        {
            entry.Current.Remove(number);
            Send(entry, new LeaseGrant(number, 0, DeviceRef.None, settings, LeaseStart.Now, reason));
        }
    }

    /// <summary>Finds a lease another place and orders its renditions there.</summary>
    /// <param name="mustLeave">Where there is no other place the renditions stop; else they stay.</param>
    /// <returns>False: it stays.</returns>
    private bool Displace(Lease lease, Reason reason, LeaseStart start, bool mustLeave, bool mayPreempt, TimeSpan now)
    {
        if (lease.MovesTo is not null || lease.State is not (LeaseState.Reserved or LeaseState.Open))
        {
            return true;
        }

        var entry = lease.Owner;
        var unit = lease.Unit with { Numbers = [.. lease.Numbers] };
        var decision = _placement.Decide([unit], Case(entry, now) with { Avoid = lease.Device, MayPreempt = mayPreempt })[0];
        if (decision.Placed is { } placed)
        {
            Move(lease, unit, placed, start, new Reason(reason.Code, $"{reason.Detail}; {placed.Reason.Detail}"), now);
            return true;
        }

        if (decision.Victims.Count > 0)
        {
            // It runs on, or fails by itself, until the places are free.
            lease.State = LeaseState.Leaving;
            Answer(entry, [unit], Case(entry, now) with { Avoid = lease.Device });
            return true;
        }

        if (!mustLeave)
        {
            return false;
        }

        lease.State = LeaseState.Leaving;
        Refuse(entry, unit.Numbers, lease.Settings, new Reason(reason.Code, $"{reason.Detail}; {decision.Refusal.Detail}"));
        return true;
    }

    private void Move(Lease lease, DemandUnit unit, Placed placed, LeaseStart start, Reason reason, TimeSpan now)
    {
        var next = _ledger.Reserve(lease.Owner, unit, placed, now);
        next.Reason = reason;
        (next.MovesFrom, lease.MovesTo, lease.State) = (lease, next, LeaseState.Leaving);
        Count(_moved, reason.Code);
        LogMoved(lease.Owner.Owner.Stream, unit.Terms.Rendition, lease.Place, next.Place, reason);
        Grant(next, start, reason);
    }

    private void Send(OwnerEntry entry, LeaseGrant grant) => _orders.Enqueue(() => entry.Owner.Order(grant));

    /// <summary>Outside the lock, and by one thread at a time, so that the order of the decisions is the order on the wire.</summary>
    private void SendOrders()
    {
        if (_orders.IsEmpty)
        {
            return;
        }

        lock (_sending)
        {
            while (_orders.TryDequeue(out var order))
            {
                order();
            }
        }
    }

    [LoggerMessage(280, LogLevel.Information, "stream {Stream}: rendition {Rendition} moves from {From} to {To}, {Reason}")]
    private partial void LogMoved(string stream, string rendition, DeviceRef from, DeviceRef to, Reason reason);
}
