using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Clients;

/// <summary>
/// A stream that we publish to another server. Packets go out from the same wire images that players get; codec headers go before them and again on every change.
/// What the server sends is read all the time. One writer at a time.
/// </summary>
public sealed class RtmpPublisher : IAsyncDisposable
{
    private readonly ClientConnection _connection;
    private readonly ImagePump _pump;
    private readonly MessageComposer _composer;
    private readonly uint _streamId;
    private readonly Task _reading;

    internal RtmpPublisher(ClientConnection connection, MessageMuxer muxer, uint streamId, int batchBytes)
    {
        _connection = connection;
        _streamId = streamId;

        // Many services take HEVC and say nothing about it: silence is no refusal.
        _composer = new MessageComposer(muxer, publishing: true, connection.Peer.NamesCodecs ? connection.Peer : null);
        _pump = new ImagePump(connection.Link.Writer, _composer, streamId, batchBytes, Fault);
        _reading = DrainAsync();
    }

    /// <summary>Cancelled when the connection has ended; <see cref="EndReason"/> then says why.</summary>
    public CancellationToken Closed => _connection.Closed;

    public Reason EndReason => _connection.EndReason;

    /// <summary>
    /// Where the server asks us to go on, null while it does not: publish there, go over at a keyframe, then dispose of this one. Until then it takes what we send.
    /// </summary>
    public RtmpUrl? ReconnectUrl => _connection.ReconnectUrl;

    public long BytesSent => _pump.BytesWritten;

    /// <summary>What the server says it has received, modulo 2^32; 0 from servers that never say.</summary>
    public uint BytesAcknowledged => _connection.Link.PeerAcknowledged;

    /// <summary>Sends one packet, taking over the caller's reference; completes when the operating system has taken it.</summary>
    /// <exception cref="RtmpException">The connection has ended.</exception>
    public async ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken)
    {
        if (_connection.EndReason.Code is not null)
        {
            packet.Release();
            throw new RtmpException(EndReason);
        }

        await GuardAsync(_pump.WriteAsync(packet, cancellationToken));
    }

    /// <summary>Sends what <paramref name="source"/> yields, in batches, until it or the connection ends.</summary>
    /// <returns>Why it stopped: the source's end, the server, or the connection.</returns>
    public async Task<Reason> RunAsync(IPacketSource source, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _connection.Closed);
        try
        {
            while (await source.WaitToReadAsync(either.Token))
            {
                await GuardAsync(_pump.WriteAsync(source, either.Token));
            }

            return source.EndReason;
        }
        catch (OperationCanceledException) when (_connection.EndReason.Code is not null)
        {
            return EndReason;
        }
        catch (RtmpException exception)
        {
            return exception.Reason;
        }
    }

    /// <summary>Says goodbye and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_connection.EndReason.Code is null)
        {
            _connection.SayUnpublish(_streamId);
        }

        _connection.End(new Reason(Reasons.Unpublished, "we ended the stream"));
        await _reading;
        await _connection.DisposeAsync();
    }

    private void Fault(Exception exception) => _connection.End(new Reason(Reasons.InternalError, exception.GetType().Name));

    private async ValueTask GuardAsync(ValueTask<bool> write)
    {
        try
        {
            if (!await write)
            {
                _connection.End(new Reason(Reasons.TargetClosed, $"the server closed the connection{_connection.Suspicion}"));
                throw new RtmpException(EndReason);
            }

            if (_composer.RefusedTrack is { } track)
            {
                _connection.End(new Reason(Reasons.CodecNotSupported, $"the stream is {track.Codec.Name()}, the server announced {_connection.Peer}"));
                throw new RtmpException(EndReason);
            }

            if (_composer.EnhancedTrack is { } enhanced && _connection.Suspicion.Length == 0 && !_connection.Peer.NamesCodecs)
            {
                _connection.Suspicion = $"; it announced no codec of Enhanced RTMP, and the stream is {enhanced.Codec.Name()}";
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            _connection.End(new Reason(Reasons.TargetClosed, $"the connection to the server broke{_connection.Suspicion}"));
            throw new RtmpException(EndReason, exception);
        }
    }

    private async Task DrainAsync()
    {
        try
        {
            while (await _connection.ReadMediaAsync() is { } message)
            {
                message.Buffer.Release();
            }
        }
        catch (RtmpException)
        {
            // The connection has recorded the reason, which writers are told.
        }
    }
}
