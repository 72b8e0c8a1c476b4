using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Clients;

/// <summary>A stream that we play from another server: for relays, tests and the load generator. One reader at a time.</summary>
public sealed class RtmpPlayer : IAsyncDisposable
{
    private readonly ClientConnection _connection;
    private readonly MessageDemuxer _demuxer;

    internal RtmpPlayer(ClientConnection connection, MediaBufferPool pool)
    {
        _connection = connection;
        _demuxer = new MessageDemuxer(pool);
    }

    /// <summary>Why the stream ended; default while it lives.</summary>
    public Reason EndReason => _connection.EndReason;

    /// <summary>Where the server asks us to go on, null while it does not.</summary>
    public RtmpUrl? ReconnectUrl => _connection.ReconnectUrl;

    public long BytesReceived => _connection.Link.BytesReceived;

    /// <summary>Messages that made no packet.</summary>
    public long DroppedMessages => _demuxer.DroppedMessages;

    /// <returns>The next packet, owned by the caller, or null once the stream has ended: see <see cref="EndReason"/>.</returns>
    public async ValueTask<Packet?> ReadAsync(CancellationToken cancellationToken)
    {
        await using var cancelled = cancellationToken.UnsafeRegister(
            static connection => ((ClientConnection)connection!).End(new Reason(Reasons.ClientClosed, "we stopped playing")), _connection);
        if (_demuxer.TryNext(out var waiting))
        {
            return waiting;
        }

        try
        {
            while (await _connection.ReadMediaAsync() is { } message)
            {
                if (_demuxer.TryDemux(message, out var packet))
                {
                    return packet;
                }
            }
        }
        catch (RtmpException)
        {
            // The connection has recorded the reason, which the caller reads.
        }

        return null;
    }

    public ValueTask DisposeAsync()
    {
        _demuxer.Clear();
        return _connection.DisposeAsync();
    }
}
