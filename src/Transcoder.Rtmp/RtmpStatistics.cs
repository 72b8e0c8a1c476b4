using System.Collections.Concurrent;

namespace Transcoder.Rtmp;

/// <summary>Counters of one server, or of all push clients together, since the start. Safe to read at any time from any thread.</summary>
public sealed class RtmpStatistics
{
    private readonly ConcurrentDictionary<string, long> _closes = new();
    private long _connectionsOpen;
    private long _connectionsTotal;
    private long _publishersOpen;
    private long _publishersTotal;
    private long _playersOpen;
    private long _playersTotal;
    private long _bytesReceived;
    private long _bytesSent;
    private long _messagesDropped;

    public long ConnectionsOpen => Interlocked.Read(ref _connectionsOpen);

    public long ConnectionsTotal => Interlocked.Read(ref _connectionsTotal);

    public long PublishersOpen => Interlocked.Read(ref _publishersOpen);

    public long PublishersTotal => Interlocked.Read(ref _publishersTotal);

    public long PlayersOpen => Interlocked.Read(ref _playersOpen);

    public long PlayersTotal => Interlocked.Read(ref _playersTotal);

    public long BytesReceived => Interlocked.Read(ref _bytesReceived);

    public long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>Media messages that made no packet: no sequence header yet, an unknown codec, damage, too many tracks.</summary>
    public long MessagesDropped => Interlocked.Read(ref _messagesDropped);

    /// <summary>Connections ended, by reason code.</summary>
    public IReadOnlyDictionary<string, long> Closes => _closes;

    internal long ConnectionOpened()
    {
        Interlocked.Increment(ref _connectionsTotal);
        return Interlocked.Increment(ref _connectionsOpen);
    }

    internal void ConnectionClosed(string reasonCode)
    {
        Interlocked.Decrement(ref _connectionsOpen);
        _closes.AddOrUpdate(reasonCode, 1, static (_, count) => count + 1);
    }

    internal void PublisherOpened()
    {
        Interlocked.Increment(ref _publishersTotal);
        Interlocked.Increment(ref _publishersOpen);
    }

    internal void PublisherClosed(long droppedMessages)
    {
        Interlocked.Decrement(ref _publishersOpen);
        Interlocked.Add(ref _messagesDropped, droppedMessages);
    }

    internal void PlayerOpened()
    {
        Interlocked.Increment(ref _playersTotal);
        Interlocked.Increment(ref _playersOpen);
    }

    internal void PlayerClosed() => Interlocked.Decrement(ref _playersOpen);

    internal void Received(long bytes) => Interlocked.Add(ref _bytesReceived, bytes);

    internal void Sent(long bytes) => Interlocked.Add(ref _bytesSent, bytes);
}
