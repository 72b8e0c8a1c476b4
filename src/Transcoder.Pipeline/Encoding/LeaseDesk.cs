using Transcoder.Media.Workers;
using Transcoder.Pipeline.Links;

namespace Transcoder.Pipeline.Encoding;

/// <summary>
/// Where the worker asks the daemon for places and gives them back. A grant goes to the rendition's lane, or is kept until somebody asks for it. One for a
/// rendition that is parked brings it back (<see cref="Returned"/>). Thread safe.
/// </summary>
internal sealed class LeaseDesk(WorkerLink link, TimeProvider time)
{
    // Waits are woken by grants; the slice only bounds how late a deadline is noticed.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(50);

    private readonly object _gate = new();
    private readonly Dictionary<int, Desk> _desks = [];
    private readonly Dictionary<long, LeaseLife> _leases = [];
    private bool _aborted;
    private bool _returned;
    private bool _shut;

    /// <summary>Told whether an answer is awaited: what stands before it on the link must be read.</summary>
    public Action<bool> Awaiting { get; set; } = _ => { };

    /// <summary>The worker ends: missing answers mean nothing any more.</summary>
    public bool IsAborted => Volatile.Read(ref _aborted);

    public void Ask(LeaseRequest request)
    {
        lock (_gate)
        {
            foreach (var demand in request.Demands)
            {
                At(demand.Number).Awaits = true;
            }

            Awaiting(true);
        }

        link.SendJson(WorkerMessageType.LeaseRequest, 0, request, WorkerJson.Default.LeaseRequest);
    }

    /// <summary>The daemon's answer or order. On the link's thread.</summary>
    public void Deliver(LeaseGrant grant)
    {
        LeaseGrant? unwanted = null;
        lock (_gate)
        {
            var desk = At(grant.Number);
            desk.Awaits = false;
            if (desk.Take is { } take)
            {
                take(grant);
            }
            else if (desk.IsParked && (grant.Lease == 0 || _shut))
            {
                // Still no place, or too late to begin anything.
                unwanted = grant;
            }
            else
            {
                Volatile.Write(ref _returned, _returned || desk.IsParked);
                unwanted = desk.Kept is { } earlier && earlier.Lease != grant.Lease ? earlier : null;
                desk.Kept = grant;
            }

            Awaiting(_desks.Values.Any(each => each.Awaits));
            Monitor.PulseAll(_gate);
        }

        if (unwanted is not null)
        {
            GiveBack(unwanted.Lease, "not wanted any more");
        }
    }

    /// <summary>Waits until each of the renditions has its answer; the wait of those that have none by the deadline is over.</summary>
    /// <returns>The answers, in the order of the numbers; null where none came.</returns>
    public IReadOnlyList<LeaseGrant?> Wait(IReadOnlyList<int> numbers, TimeSpan deadline)
    {
        var start = time.GetTimestamp();
        lock (_gate)
        {
            while (!_aborted && numbers.Any(number => At(number).Kept is null) && time.GetElapsedTime(start) < deadline)
            {
                Monitor.Wait(_gate, Slice);
            }

            return [.. numbers.Select(number => At(number).Kept)];
        }
    }

    /// <summary>From now on the rendition's grants go there, and the one that is kept; called inside the desk's lock, so it must only take note.</summary>
    public void Route(int number, Action<LeaseGrant> take)
    {
        lock (_gate)
        {
            var desk = At(number);
            desk.Take = take;
            desk.IsParked = false;
            if (desk.Kept is { } kept)
            {
                desk.Kept = null;
                take(kept);
            }
        }
    }

    /// <summary>The rendition is parked, or has ended.</summary>
    /// <param name="take">Where its grants went: who has been replaced leaves nothing. Null: nowhere yet.</param>
    public void Leave(int number, Action<LeaseGrant>? take)
    {
        lock (_gate)
        {
            var desk = At(number);
            if (desk.Take != take)
            {
                return;
            }

            desk.Take = null;
            desk.IsParked = true;
            desk.Awaits = false;
            desk.Kept = desk.Kept is { Lease: not 0 } late ? late : null;
            Volatile.Write(ref _returned, _returned || desk.Kept is not null);
            Awaiting(_desks.Values.Any(each => each.Awaits));
        }
    }

    /// <summary>Places for renditions that were parked; who takes them owes the daemon a word about each.</summary>
    public IReadOnlyList<LeaseGrant> Returned()
    {
        if (!Volatile.Read(ref _returned))
        {
            return [];
        }

        lock (_gate)
        {
            _returned = false;
            var grants = new List<LeaseGrant>();
            foreach (var desk in _desks.Values.Where(desk => desk is { IsParked: true, Kept: not null }))
            {
                grants.Add(desk.Kept!);
                desk.Kept = null;
            }

            return grants;
        }
    }

    /// <summary>The source has ended: nothing returns any more.</summary>
    public void Shut()
    {
        lock (_gate)
        {
            _shut = true;
        }

        foreach (var grant in Returned())
        {
            GiveBack(grant.Lease, "the source has ended");
        }
    }

    /// <summary>A session is to be opened under the lease: there is one, as the driver counts.</summary>
    /// <returns>False: there is or was one already.</returns>
    public bool Hold(long lease)
    {
        lock (_leases)
        {
            return _leases.TryAdd(lease, LeaseLife.Held);
        }
    }

    /// <summary>No session could be opened.</summary>
    public void NotOpened(long lease, int error, string message) => Tell(new LeaseClosed(lease, LeaseOutcome.OpenFailed, error, message), LeaseLife.Over);

    /// <summary>The session is no good any more. The daemon knows at once; <see cref="Closed"/> follows when it has closed, if it ever does.</summary>
    public void Failed(long lease, LeaseOutcome outcome, int error, string message) =>
        Tell(new LeaseClosed(lease, outcome, error, message, Closing: true), LeaseLife.Failed);

    /// <summary>A grant that nobody takes; where another rendition has taken the lease it stays.</summary>
    public void GiveBack(long lease, string why)
    {
        if (Hold(lease))
        {
            Closed(lease, why);
        }
    }

    /// <summary>The session is gone.</summary>
    public void Closed(long lease, string message) => Tell(new LeaseClosed(lease, LeaseOutcome.Released, 0, message), LeaseLife.Over);

    public void Strained(long lease, double ratio) =>
        link.SendJson(WorkerMessageType.LeaseStrained, 0, new LeaseStrained(lease, ratio), WorkerJson.Default.LeaseStrained);

    public void Abort()
    {
        lock (_gate)
        {
            Volatile.Write(ref _aborted, true);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Each word once, and none after the last.</summary>
    private void Tell(LeaseClosed closed, LeaseLife life)
    {
        lock (_leases)
        {
            var before = _leases.GetValueOrDefault(closed.Lease);
            if (closed.Lease == 0 || before >= life)
            {
                return;
            }

            _leases[closed.Lease] = life;
            closed = before == LeaseLife.Failed ? closed with { Outcome = LeaseOutcome.Released } : closed;
        }

        link.SendJson(WorkerMessageType.LeaseClosed, 0, closed, WorkerJson.Default.LeaseClosed);
    }

    private Desk At(int number)
    {
        if (!_desks.TryGetValue(number, out var desk))
        {
            _desks.Add(number, desk = new Desk());
        }

        return desk;
    }

    private enum LeaseLife : byte
    {
        Held,
        Failed,
        Over,
    }

    private sealed class Desk
    {
        public Action<LeaseGrant>? Take { get; set; }

        public LeaseGrant? Kept { get; set; }

        public bool IsParked { get; set; }

        public bool Awaits { get; set; }
    }
}
