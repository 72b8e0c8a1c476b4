using Transcoder.Media.Devices;

namespace Transcoder.Streams.Resources;

/// <summary>The books: which lease is where, whose it is, and what it weighs there. It decides nothing. Guarded by its caller's lock.</summary>
internal sealed class Ledger
{
    /// <summary>A worker that was killed stays in the driver's list for a moment; its sessions are not foreign then.</summary>
    private static readonly TimeSpan Afterlife = TimeSpan.FromSeconds(3);

    private readonly Dictionary<long, Lease> _leases = [];
    private readonly Dictionary<ILeaseOwner, OwnerEntry> _owners = [];
    private readonly SortedDictionary<int, int> _priorities = [];
    private readonly Dictionary<int, TimeSpan> _deadProcesses = [];
    private long _lastId;

    public IEnumerable<Lease> Leases => _leases.Values;

    public IEnumerable<OwnerEntry> Owners => _owners.Values;

    /// <summary>The smallest that holds a lease; MaxValue where none is held.</summary>
    public int LeastPriority => _priorities.Count == 0 ? int.MaxValue : _priorities.First().Key;

    public OwnerEntry Owner(ILeaseOwner owner)
    {
        if (!_owners.TryGetValue(owner, out var entry))
        {
            _owners[owner] = entry = new OwnerEntry(owner);
        }

        return entry;
    }

    public OwnerEntry? OwnerOrNull(ILeaseOwner owner) => _owners.GetValueOrDefault(owner);

    public Lease? Find(long id) => _leases.GetValueOrDefault(id);

    public Lease Reserve(OwnerEntry entry, DemandUnit unit, Placed placed, TimeSpan now)
    {
        var lease = new Lease(++_lastId, entry, unit, placed, now);
        _leases[lease.Id] = lease;
        entry.Leases.Add(lease);
        _priorities[unit.Terms.Priority] = _priorities.GetValueOrDefault(unit.Terms.Priority) + 1;
        Take(lease, now);
        foreach (var number in lease.Numbers)
        {
            entry.Current[number] = lease;
        }

        return lease;
    }

    /// <summary>The session runs. An expired lease takes its place again: the session is there, whatever we gave away meanwhile.</summary>
    public void Confirm(Lease lease, TimeSpan now)
    {
        if (lease.OpenedAt != TimeSpan.MaxValue)
        {
            return;
        }

        if (lease.State == LeaseState.Expired)
        {
            Take(lease, now);
            foreach (var number in lease.Numbers)
            {
                lease.Owner.Current.TryAdd(number, lease);
            }
        }

        // One that was ordered elsewhere while it opened is open all the same, until the worker leaves it.
        lease.OpenedAt = now;
        lease.State = lease.IsCurrent ? LeaseState.Open : LeaseState.Leaving;
    }

    public void Expire(Lease lease, TimeSpan now)
    {
        Give(lease, now);
        lease.State = LeaseState.Expired;
    }

    public void Release(Lease lease, TimeSpan now)
    {
        if (lease.Counts)
        {
            Give(lease, now);
        }

        lease.State = LeaseState.Closed;
        _leases.Remove(lease.Id);
        lease.Owner.Leases.Remove(lease);
        var priority = lease.Unit.Terms.Priority;
        if (--_priorities[priority] == 0)
        {
            _priorities.Remove(priority);
        }

        foreach (var number in lease.Numbers)
        {
            if (lease.Owner.Current.GetValueOrDefault(number) == lease)
            {
                lease.Owner.Current.Remove(number);
            }
        }
    }

    /// <summary>Everything of an owner, at once.</summary>
    public void Remove(OwnerEntry entry, TimeSpan now)
    {
        foreach (var lease in entry.Leases.ToArray())
        {
            Release(lease, now);
        }

        SetDecoder(entry, null, default, null, default, now);
        SetExpected(entry, default, now);
        _owners.Remove(entry.Owner);
        if (entry.Owner.WorkerProcessId is > 0 and var process)
        {
            _deadProcesses[process] = now;
        }
    }

    public void SetDecoder(OwnerEntry entry, DeviceState? decoder, EngineLoad decode, DeviceState? scaler, EngineLoad scale, TimeSpan now)
    {
        entry.Decoder?.Decode?.Remove(entry.DecodeLoad, now);
        entry.Scaler?.Scale?.Remove(entry.ScaleLoad, now);
        (entry.Decoder, entry.DecodeLoad, entry.Scaler, entry.ScaleLoad) = (decoder, decode, scaler, scale);
        decoder?.Decode?.Add(decode, now);
        scaler?.Scale?.Add(scale, now);
    }

    public void SetExpected(OwnerEntry entry, EngineLoad load, TimeSpan now, DeviceState? device = null)
    {
        entry.ExpectedOn?.Encode?.Remove(entry.ExpectedLoad, now);
        (entry.ExpectedOn, entry.ExpectedLoad, entry.ExpectedSince) = (device, load, now);
        device?.Encode?.Add(load, now);
    }

    /// <summary>The processes whose sessions are ours.</summary>
    public HashSet<int> Processes(TimeSpan now)
    {
        foreach (var (process, _) in _deadProcesses.Where(dead => now - dead.Value > Afterlife).ToArray())
        {
            _deadProcesses.Remove(process);
        }

        return [.. _owners.Keys.Select(owner => owner.WorkerProcessId), .. _deadProcesses.Keys];
    }

    /// <summary>Sums that were added to and subtracted from a million times are made anew.</summary>
    public void Recount(DeviceState device)
    {
        if (!device.IsCpu && device.Encode is { } encode)
        {
            var expected = _owners.Values.Where(owner => owner.ExpectedOn == device).Aggregate(default(EngineLoad), (sum, owner) => sum + owner.ExpectedLoad);
            encode.Try(device.Leases.Aggregate(expected, (sum, lease) => sum + lease.Load));
        }
    }

    private static void Take(Lease lease, TimeSpan now)
    {
        var device = lease.Device;
        device.Attach(lease);
        device.Encode!.Add(lease.Load, now);
        device.UnseenBytes += lease.Bytes;
        lease.MemoryUnseen = true;
        if (device.Group is { } group)
        {
            group.TrialStarted(now);
            group.Ours++;
        }

        if (device.Quarantine.Health == DeviceHealth.Probation)
        {
            device.ProbationLease ??= lease;
        }
    }

    private static void Give(Lease lease, TimeSpan now)
    {
        var device = lease.Device;
        device.Detach(lease);
        device.Encode!.Remove(lease.Load, now);
        if (lease.MemoryUnseen)
        {
            device.UnseenBytes -= lease.Bytes;
            lease.MemoryUnseen = false;
        }

        if (device.Group is { } group)
        {
            group.Ours--;
        }

        if (device.ProbationLease == lease)
        {
            device.ProbationLease = null;
        }
    }
}
