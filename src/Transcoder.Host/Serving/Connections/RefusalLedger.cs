using System.Collections.Concurrent;
using System.Net;
using Transcoder.Media;

namespace Transcoder.Host.Serving.Connections;

/// <summary>Counts whom the front door sent away or slowed, by reason, and logs a few of them: a flood of connections must not become a flood of lines.</summary>
internal sealed partial class RefusalLedger(TimeProvider clock, ILogger<RefusalLedger> log)
{
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Line> _refused = new();
    private readonly ConcurrentDictionary<string, Line> _slowed = new();

    /// <summary>Connections refused before RTMP began, by reason code.</summary>
    public IEnumerable<KeyValuePair<string, long>> Refusals => _refused.Select(line => KeyValuePair.Create(line.Key, line.Value.Total));

    /// <summary>Pauses in reading, by reason code.</summary>
    public IEnumerable<KeyValuePair<string, long>> Pauses => _slowed.Select(line => KeyValuePair.Create(line.Key, line.Value.Total));

    /// <summary>The first of a kind is logged at once, those of the next seconds together.</summary>
    public void Refused(Reason reason, IPAddress? address)
    {
        if (_refused.GetOrAdd(reason.Code, static _ => new Line()).Add(reason, address, clock) is { } count)
        {
            Write(count, reason, address);
        }
    }

    public void Slowed(Reason reason)
    {
        if (_slowed.GetOrAdd(reason.Code, static _ => new Line()).Add(reason, null, clock) is { } count)
        {
            LogSlowed(count, reason);
        }
    }

    /// <summary>Writes the lines that are due. Called every second.</summary>
    public void Tick()
    {
        foreach (var line in _refused.Values)
        {
            if (line.Due(clock) is var (count, reason, address))
            {
                Write(count, reason, address);
            }
        }
    }

    private void Write(long count, Reason reason, IPAddress? address)
    {
        if (count == 1)
        {
            LogRefused(address, reason);
        }
        else
        {
            LogRefusedMany(count, BetweenLines.TotalSeconds, address, reason);
        }
    }

    private sealed class Line
    {
        private readonly Lock _lock = new();
        private long _total;
        private long _unsaid;
        private long _saidAt;
        private bool _said;
        private Reason _reason;
        private IPAddress? _address;

        public long Total => Interlocked.Read(ref _total);

        /// <returns>How many to tell of now; null: not yet.</returns>
        public long? Add(Reason reason, IPAddress? address, TimeProvider clock)
        {
            Interlocked.Increment(ref _total);
            lock (_lock)
            {
                _unsaid++;
                (_reason, _address) = (reason, address);
                return Take(clock);
            }
        }

        public (long Count, Reason Reason, IPAddress? Address)? Due(TimeProvider clock)
        {
            lock (_lock)
            {
                return _unsaid > 0 && Take(clock) is { } count ? (count, _reason, _address) : null;
            }
        }

        private long? Take(TimeProvider clock)
        {
            if (_said && clock.GetElapsedTime(_saidAt) < BetweenLines)
            {
                return null;
            }

            var count = _unsaid;
            _unsaid = 0;
            _said = true;
            _saidAt = clock.GetTimestamp();
            return count;
        }
    }

    [LoggerMessage(110, LogLevel.Warning, "refused a connection from {Address}; {Reason}")]
    private partial void LogRefused(IPAddress? address, Reason reason);

    [LoggerMessage(111, LogLevel.Warning, "refused {Count} connections within {Seconds} s, the last from {Address}; {Reason}")]
    private partial void LogRefusedMany(long count, double seconds, IPAddress? address, Reason reason);

    [LoggerMessage(112, LogLevel.Warning, "paused reading {Count} times; {Reason}")]
    private partial void LogSlowed(long count, Reason reason);
}
