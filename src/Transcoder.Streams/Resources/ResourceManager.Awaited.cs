using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>Renditions without an encoder, which get one as soon as there is a place.</summary>
public sealed partial class ResourceManager
{
    /// <summary>Nothing is tried again sooner: what took a place mustn't be asked for it in a circle.</summary>
    private static readonly TimeSpan AwaitPause = TimeSpan.FromSeconds(2);

    /// <summary>Also when nothing seems to have changed: capacities are corrected little by little, and a session cap is put to the test now and then.</summary>
    private static readonly TimeSpan AwaitLongest = TimeSpan.FromSeconds(15);

    /// <summary>A place is looked for in well under a millisecond; a tick shall stay short, however many wait.</summary>
    private const int AwaitedAtOnce = 64;

    private TimeSpan _roomAt;

    /// <summary>
    /// The worker has parked a rendition for which it asked before: when there is a place it is granted, the most important first, and nobody is moved for it.
    /// Until its session runs it is granted one again and again. Forgotten with its owner.
    /// </summary>
    /// <param name="delay">Left alone for so long.</param>
    /// <returns>False: no place was ever asked for.</returns>
    public bool Await(ILeaseOwner owner, int number, TimeSpan delay)
    {
        lock (_gate)
        {
            if (_ledger.OwnerOrNull(owner) is not { } entry || !entry.Demands.ContainsKey(number))
            {
                return false;
            }

            entry.Awaited[number] = new AwaitedPlace(Now + (delay > AwaitPause ? delay : AwaitPause), TimeSpan.MinValue);
            return true;
        }
    }

    private void ServeAwaited(TimeSpan now)
    {
        var due = _ledger.Owners.Where(entry => entry.Awaited.Count > 0)
            .SelectMany(entry => Units(entry, [.. entry.Awaited.Where(awaited => IsDue(entry, awaited.Key, awaited.Value, now)).Select(awaited => new EncodeDemand(awaited.Key, entry.Demands[awaited.Key]))])
                .Select(unit => (Entry: entry, Unit: unit)))
            .OrderByDescending(each => each.Unit.Terms.Priority).ThenByDescending(each => each.Unit.PixelRate).Take(AwaitedAtOnce).ToArray();
        foreach (var (entry, unit) in due)
        {
            foreach (var number in unit.Numbers)
            {
                entry.Awaited[number] = entry.Awaited[number] with { TriedAt = now };
            }

            if (!Joins(entry, unit) && _placement.Decide([unit], Case(entry, now) with { MayPreempt = false })[0].Placed is { } placed)
            {
                var lease = _ledger.Reserve(entry, unit, placed, now);
                Grant(lease, LeaseStart.Now, lease.Reason);
                Count(_granted, lease.Reason.Code);
            }
        }
    }

    private bool IsDue(OwnerEntry entry, int number, in AwaitedPlace awaited, TimeSpan now)
    {
        if (now < awaited.NotBefore || entry.Current.GetValueOrDefault(number) is { Counts: true } || entry.Pending.Exists(pending => pending.Unit.Numbers.Contains(number)))
        {
            return false;
        }

        return awaited.TriedAt == TimeSpan.MinValue || (now - awaited.TriedAt >= AwaitPause && (_roomAt >= awaited.TriedAt || now - awaited.TriedAt >= AwaitLongest));
    }
}
