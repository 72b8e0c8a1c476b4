using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Workers;

namespace Transcoder.Testing.Links;

/// <summary>Grants every demand the same place, or what a test says, and keeps the book of what is held.</summary>
public sealed class FakeLedger
{
    private readonly Lock _lock = new();
    private readonly HashSet<long> _held = [];
    private readonly List<LeaseGrant> _granted = [];
    private long _leases;

    /// <summary>The answer to a demand; null: none. The lease is numbered afterwards unless it is a refusal. Called on the daemon's thread.</summary>
    public Func<EncodeDemand, LeaseGrant?> Answer { get; set; } = demand => At(demand, DeviceRef.Cpu);

    /// <summary>The answers bring their leases' numbers.</summary>
    public bool IsNumbered { get; set; }

    /// <summary>Demands with equal settings get one lease.</summary>
    public bool Shares { get; init; }

    /// <summary>Leases that were granted and not closed.</summary>
    public IReadOnlyList<long> Held
    {
        get
        {
            lock (_lock)
            {
                return [.. _held.Order()];
            }
        }
    }

    public static LeaseGrant At(EncodeDemand demand, DeviceRef place, LeaseStart start = LeaseStart.Now) =>
        new(demand.Number, 1, place, demand.Settings, start, new Reason(Reasons.LeastCost, "the test says so"));

    public static LeaseGrant Refuse(EncodeDemand demand) =>
        new(demand.Number, 0, DeviceRef.Cpu, demand.Settings, LeaseStart.Now, new Reason(Reasons.NoPlace, "the test refuses"));

    /// <summary>An order to move has its own lease, too.</summary>
    public LeaseGrant Number(LeaseGrant grant)
    {
        lock (_lock)
        {
            var numbered = grant with { Lease = ++_leases };
            _held.Add(numbered.Lease);
            return numbered;
        }
    }

    internal void Note(WorkerMessage message, Action<LeaseGrant> send)
    {
        switch (message.Header.Type)
        {
            case WorkerMessageType.LeaseClosed:
                lock (_lock)
                {
                    _held.Remove(message.Json<LeaseClosed>().Lease);
                }

                break;
            case WorkerMessageType.LeaseRequest:
                foreach (var demand in message.Json<LeaseRequest>().Demands)
                {
                    if (Answer(demand) is not { } grant)
                    {
                        continue;
                    }

                    var twin = Shares ? _granted.Find(each => Held.Contains(each.Lease) && each.Settings == grant.Settings && each.Place == grant.Place) : null;
                    grant = grant.Lease == 0 || IsNumbered ? grant : twin is null ? Number(grant) : grant with { Lease = twin.Lease };
                    _granted.Add(grant);
                    send(grant);
                }

                break;
        }
    }
}
