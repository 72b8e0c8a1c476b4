using Transcoder.Media;

namespace Transcoder.Host.Serving.Connections;

/// <summary>What one address has open and may still do. Two token buckets: connections, and bytes that it sends.</summary>
internal sealed class AddressRecord(GateLimits limits, long now, long ticksPerSecond)
{
    private readonly Lock _lock = new();
    private double _connects = limits.ConnectBurst;
    private double _bytes = limits.BytesPerSecond;
    private long _connectsAt = now;
    private long _bytesAt = now;
    private int _open;
    private int _halfOpen;
    private bool _forgotten;

    /// <returns>Null for a record that was just forgotten: take a new one. A default reason: come in.</returns>
    public Reason? Enter(long now)
    {
        lock (_lock)
        {
            if (_forgotten)
            {
                return null;
            }

            _connects = Math.Min(limits.ConnectBurst, _connects + (Seconds(_connectsAt, now) * limits.ConnectRate));
            _connectsAt = now;
            if (_connects < 1)
            {
                return new Reason(Reasons.AddressRate, $"more than {limits.ConnectRate} connections a second from one address");
            }

            if (_open >= limits.Connections)
            {
                return new Reason(Reasons.AddressConnections, $"more than {limits.Connections} connections from one address");
            }

            if (_halfOpen >= limits.HalfOpen)
            {
                return new Reason(Reasons.AddressHalfOpen, $"more than {limits.HalfOpen} unfinished handshakes from one address");
            }

            _connects--;
            _open++;
            _halfOpen++;
            return default(Reason);
        }
    }

    public void HandshakeDone()
    {
        lock (_lock)
        {
            _halfOpen--;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _open--;
        }
    }

    /// <returns>How long until the bytes are paid for.</returns>
    public TimeSpan Received(long bytes, long now)
    {
        lock (_lock)
        {
            _bytes = Math.Min(limits.BytesPerSecond, _bytes + (Seconds(_bytesAt, now) * limits.BytesPerSecond)) - bytes;
            _bytesAt = now;
            return _bytes >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_bytes / limits.BytesPerSecond);
        }
    }

    /// <summary>True once nothing is open and nothing is owed: a new record would be the same.</summary>
    public bool TryForget(long now)
    {
        lock (_lock)
        {
            _forgotten = _open == 0 &&
                _connects + (Seconds(_connectsAt, now) * limits.ConnectRate) >= limits.ConnectBurst &&
                _bytes + (Seconds(_bytesAt, now) * limits.BytesPerSecond) >= limits.BytesPerSecond;
            return _forgotten;
        }
    }

    private double Seconds(long from, long to) => Math.Max(to - from, 0) / (double)ticksPerSecond;
}
