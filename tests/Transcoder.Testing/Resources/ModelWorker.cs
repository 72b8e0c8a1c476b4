using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;

namespace Transcoder.Testing.Resources;

/// <summary>The worker's side of leases over a <see cref="ModelDriver"/>: opens what it is granted, closes what it leaves, asks again when something fails.</summary>
public sealed class ModelWorker(ResourceManager manager, ModelDriver driver, string stream, int process, Func<int, LeaseTerms>? terms = null) : ILeaseOwner
{
    private readonly Queue<LeaseGrant> _inbox = new();
    private readonly Dictionary<int, VideoEncoderSettings> _demands = [];
    private readonly HashSet<long> _open = [];
    private readonly HashSet<long> _closed = [];
    private readonly Dictionary<int, int> _attempts = [];
    public string Stream => stream;

    public int WorkerProcessId => process;

    public bool IsDead { get; private set; }

    /// <summary>What each rendition runs on; the grant that brought it there.</summary>
    public Dictionary<int, LeaseGrant> Running { get; } = [];

    public Dictionary<int, Reason> Refused { get; } = [];

    public List<LeaseGrant> Grants { get; } = [];

    public DeviceRef DecodesAt { get; private set; } = DeviceRef.Cpu;

    /// <summary>Orders to decode elsewhere.</summary>
    public List<DecodeMove> DecodeMoves { get; } = [];

    public bool HasMail => _inbox.Count > 0;

    /// <summary>Everything that was asked for runs or was refused.</summary>
    public bool Everything => _demands.Keys.All(number => Running.ContainsKey(number) || Refused.ContainsKey(number));

    /// <summary>Devices of the running renditions.</summary>
    public IEnumerable<string> Places => Running.Values.Select(grant => grant.Place.Id);

    public LeaseTerms Terms(int number) => terms?.Invoke(number) ?? new LeaseTerms($"r{number}");

    public void Order(LeaseGrant grant)
    {
        Grants.Add(grant);
        _inbox.Enqueue(grant);
    }

    public void Move(DecodeMove move) => DecodeMoves.Add(move);

    public ModelWorker DecodesOn(DeviceRef decoder)
    {
        DecodesAt = decoder;
        return this;
    }

    public ModelWorker Ask(params VideoEncoderSettings[] ladder) => Ask([.. ladder.Select((settings, number) => new EncodeDemand(number, settings))]);

    public ModelWorker Ask(IReadOnlyList<EncodeDemand> demands)
    {
        foreach (var demand in demands)
        {
            _demands[demand.Number] = demand.Settings;
            Refused.Remove(demand.Number);
        }

        manager.Request(this, new LeaseRequest(DecodesAt, 1920, 1080, 30, demands));
        return this;
    }

    public void AskAgain(int number) => Ask([new EncodeDemand(number, _demands[number])]);

    /// <summary>Does what it was told until nothing is left to do.</summary>
    public ModelWorker Settle()
    {
        for (var taken = 0; TakeOne(); taken++)
        {
            if (taken > 1_000)
            {
                throw new InvalidOperationException($"{stream} is sent in circles: {string.Join("\n", Grants.TakeLast(8))}");
            }
        }

        return this;
    }

    public bool TakeOne()
    {
        if (IsDead || !_inbox.TryDequeue(out var grant))
        {
            return false;
        }

        if (grant.Lease == 0)
        {
            Leave(grant.Number);
            Refused[grant.Number] = grant.Reason;
        }
        else if (!_demands.ContainsKey(grant.Number))
        {
            // Stopped meanwhile.
            if (!_closed.Contains(grant.Lease) && !_open.Contains(grant.Lease) && _inbox.All(other => other.Lease != grant.Lease))
            {
                Close(new LeaseClosed(grant.Lease, LeaseOutcome.Released, 0, ""));
            }

            CloseUnused(grant.Lease);
        }
        else if (_open.Contains(grant.Lease))
        {
            GoTo(grant);
        }
        else if (_closed.Contains(grant.Lease))
        {
            // The session that it was to share has ended before it came.
            if (!Running.ContainsKey(grant.Number) && _inbox.All(other => other.Number != grant.Number))
            {
                AskAgain(grant.Number);
            }
        }
        else if (driver.Open(grant.Lease, grant.Place.Id, process, grant.Settings.Width, grant.Settings.Height, grant.Settings.FrameRate) is var (error, message))
        {
            Close(new LeaseClosed(grant.Lease, LeaseOutcome.OpenFailed, error, message));
            _attempts[grant.Number] = _attempts.GetValueOrDefault(grant.Number) + 1;
            if (_attempts[grant.Number] > 20)
            {
                throw new InvalidOperationException($"{stream} {grant.Number} is sent in circles: {grant}");
            }

            AskAgain(grant.Number);
        }
        else
        {
            _attempts.Remove(grant.Number);
            _open.Add(grant.Lease);
            if (!manager.Confirm(this, grant.Lease))
            {
                throw new InvalidOperationException($"lease {grant.Lease} is not known any more");
            }

            GoTo(grant);
        }

        return true;
    }

    public void Stop(int number)
    {
        Leave(number);
        _demands.Remove(number);
    }

    /// <summary>The session under a rendition ends by a fault; every rendition that read it asks again.</summary>
    public void Fail(int number, LeaseOutcome outcome, string message = "Invalid device")
    {
        var lease = Running[number].Lease;
        var readers = Running.Where(running => running.Value.Lease == lease).Select(running => running.Key).ToArray();
        foreach (var reader in readers)
        {
            Running.Remove(reader);
        }

        _open.Remove(lease);
        if (outcome != LeaseOutcome.Hung)
        {
            driver.Close(lease);
        }

        Close(new LeaseClosed(lease, outcome, -542398533, message));
        Ask([.. readers.Select(reader => new EncodeDemand(reader, _demands[reader]))]);
    }

    public void Strain(int number, double ratio) => manager.Strained(this, new LeaseStrained(Running[number].Lease, ratio));

    /// <summary>The process dies: the driver closes what it had open, and the daemon notices.</summary>
    public void Die(bool crashed = false)
    {
        IsDead = true;
        driver.Kill(process);
        Running.Clear();
        if (crashed)
        {
            manager.Crashed(this, "killed by signal 11");
        }

        manager.ReleaseAll(this);
    }

    private void Close(LeaseClosed closed)
    {
        _closed.Add(closed.Lease);
        manager.Close(this, closed);
    }

    private void GoTo(LeaseGrant grant)
    {
        var old = Running.TryGetValue(grant.Number, out var before) ? before.Lease : 0;
        Running[grant.Number] = grant;
        Refused.Remove(grant.Number);
        CloseUnused(old);
    }

    private void Leave(int number)
    {
        if (Running.Remove(number, out var grant))
        {
            CloseUnused(grant.Lease);
        }
    }

    private void CloseUnused(long lease)
    {
        // One that waits in the inbox for another rendition stays.
        if (lease != 0 && _open.Contains(lease) && Running.Values.All(grant => grant.Lease != lease) && _inbox.All(grant => grant.Lease != lease))
        {
            _open.Remove(lease);
            driver.Close(lease);
            Close(new LeaseClosed(lease, LeaseOutcome.Released, 0, ""));
        }
    }
}
