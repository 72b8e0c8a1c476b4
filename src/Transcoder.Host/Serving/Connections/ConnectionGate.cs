using System.Collections.Concurrent;
using System.Net;
using Transcoder.Media;
using Transcoder.Rtmp;

namespace Transcoder.Host.Serving.Connections;

/// <param name="MaxConnections">Of the whole server.</param>
/// <param name="MaxMemory">Bytes of the process above which nobody new comes in.</param>
/// <param name="Connections">Of one address, as are all that follow.</param>
/// <param name="ConnectRate">New connections a second.</param>
/// <param name="ConnectBurst">How many may come at once after a pause.</param>
/// <param name="BytesPerSecond">Received; 0: any.</param>
/// <param name="Trusted">Networks to which nothing that counts by address applies.</param>
internal sealed record GateLimits(
    int MaxConnections, long MaxMemory, int Connections, int HalfOpen, int ConnectRate, int ConnectBurst, long BytesPerSecond, IReadOnlyList<IPNetwork> Trusted);

/// <summary>
/// Who may come in at all, asked for each accepted socket before anything is allocated for it. Memory is bounded by the connections there are: an address that
/// has none is forgotten as soon as its allowance is whole again.
/// </summary>
internal sealed class ConnectionGate(GateLimits limits, RefusalLedger refusals, TimeProvider clock, Func<long>? memory = null)
{
    private static readonly Reason Bandwidth = new(Reasons.AddressBandwidth, "an address sends more than its bandwidth and is read more slowly");

    private readonly ConcurrentDictionary<AddressBlock, AddressRecord> _addresses = new();
    private readonly Func<long> _memory = memory ?? (() => Environment.WorkingSet);
    private int _open;
    private volatile bool _memoryIsFull;

    public int Open => Volatile.Read(ref _open);

    /// <summary>Addresses that are remembered.</summary>
    public int Addresses => _addresses.Count;

    /// <returns>A place that its taker gives back, or null: refused, counted and logged.</returns>
    public ConnectionLease? TryEnter(IPAddress address)
    {
        if (Interlocked.Increment(ref _open) > limits.MaxConnections)
        {
            return Refuse(address, new Reason(Reasons.TooManyConnections, $"the limit is {limits.MaxConnections} connections"));
        }

        if (_memoryIsFull)
        {
            return Refuse(address, new Reason(Reasons.MemoryLimit, $"the program takes more than {limits.MaxMemory >> 20} MiB of memory"));
        }

        var plain = AddressBlock.Plain(address);
        if (limits.Trusted.Any(network => network.Contains(plain)))
        {
            return new ConnectionLease(this, null);
        }

        while (true)
        {
            var record = _addresses.GetOrAdd(AddressBlock.Of(plain), static (_, gate) => new AddressRecord(gate.Limits, gate.Clock.GetTimestamp(), gate.Clock.TimestampFrequency), this);
            switch (record.Enter(clock.GetTimestamp()))
            {
                case { Code: null }:
                    return new ConnectionLease(this, record);
                case { } refusal:
                    return Refuse(plain, refusal);
            }
        }
    }

    /// <summary>Looks at the memory, and forgets who has gone. Called every second.</summary>
    public void Tick()
    {
        _memoryIsFull = _memory() > limits.MaxMemory;
        foreach (var (block, record) in _addresses)
        {
            if (record.TryForget(clock.GetTimestamp()))
            {
                _addresses.TryRemove(new KeyValuePair<AddressBlock, AddressRecord>(block, record));
            }
        }
    }

    private ConnectionLease? Refuse(IPAddress address, Reason reason)
    {
        Interlocked.Decrement(ref _open);
        refusals.Refused(reason, address);
        return null;
    }

    /// <summary>One connection's place. Safe to give back twice.</summary>
    internal sealed class ConnectionLease(ConnectionGate gate, AddressRecord? record) : IConnectionLease, IDisposable
    {
        private int _shaken;
        private int _left;

        public void HandshakeDone()
        {
            if (record is not null && Interlocked.Exchange(ref _shaken, 1) == 0)
            {
                record.HandshakeDone();
            }
        }

        public TimeSpan Received(long bytes)
        {
            if (record is null || gate.Limits.BytesPerSecond == 0)
            {
                return TimeSpan.Zero;
            }

            var pause = record.Received(bytes, gate.Clock.GetTimestamp());
            if (pause > TimeSpan.Zero)
            {
                gate.Refusals.Slowed(Bandwidth);
            }

            return pause;
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                HandshakeDone();
                record?.Leave();
                Interlocked.Decrement(ref gate._open);
            }
        }
    }

    private GateLimits Limits => limits;

    private TimeProvider Clock => clock;

    private RefusalLedger Refusals => refusals;
}
