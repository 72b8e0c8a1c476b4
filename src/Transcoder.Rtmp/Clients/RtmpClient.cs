using System.Net.Sockets;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Clients;

/// <summary>Opens the byte stream to a target; the one for <c>rtmps</c> puts TLS on it.</summary>
public delegate ValueTask<Stream> RtmpDialer(RtmpUrl url, CancellationToken cancellationToken);

/// <summary>Makes publishing and playing connections: for push targets, the test publisher, relays, tests and the load generator. Thread safe.</summary>
public sealed class RtmpClient(RtmpOptions options, MediaBufferPool pool, RtmpStatistics statistics, TimeProvider time, RtmpDialer? dialer = null)
{
    // A redirect or two, and a login of three connections. Whoever leads further leads in a circle.
    private const int MostConnections = 6;

    private readonly RtmpDialer _dialer = dialer ?? DialTcpAsync;
    private readonly MessageMuxer _muxer = new(pool, options.ChunkSize);

    /// <summary>Connects and publishes; returns once the server has agreed.</summary>
    /// <exception cref="RtmpException">With the reason: unreachable, refused, timed out, closed.</exception>
    public async Task<RtmpPublisher> PublishAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(url, cancellationToken);
        try
        {
            var streamId = await connection.BeginPublishAsync(cancellationToken);
            return new RtmpPublisher(connection, _muxer, streamId, options.BatchBytes);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Connects and plays; returns once the server has agreed or the first media has come.</summary>
    /// <exception cref="RtmpException">With the reason: unreachable, refused, timed out, closed.</exception>
    public async Task<RtmpPlayer> PlayAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(url, cancellationToken);
        try
        {
            await connection.BeginPlayAsync(cancellationToken);
            return new RtmpPlayer(connection, pool);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async ValueTask<Stream> DialTcpAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        if (url.IsSecure)
        {
            throw new RtmpException(new Reason(Reasons.TargetUnreachable, "rtmps:// needs a TLS dialer, and none was given"));
        }

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(url.Host, url.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Goes where the server leads, and logs in where it asks for that.</summary>
    private async Task<ClientConnection> OpenAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var query = "";
        for (var i = 0; i < MostConnections; i++)
        {
            var connection = new ClientConnection(url, await DialAsync(url, cancellationToken), pool, options, statistics, time);
            try
            {
                if (await connection.OpenAsync(query, cancellationToken) is not { } next)
                {
                    return connection;
                }

                (url, query) = next;
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }

            await connection.DisposeAsync();
        }

        throw new RtmpException(new Reason(Reasons.TargetRefused, $"{url}: sent on {MostConnections} times, and still not taken"));
    }

    private async Task<Stream> DialAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        using (var deadline = new CancellationTokenSource(options.DialTimeout, time))
        using (var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken))
        {
            try
            {
                return await _dialer(url, both.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new RtmpException(new Reason(Reasons.TargetTimeout, $"{url} did not accept a connection in {options.DialTimeout.TotalSeconds:0} s"));
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                throw new RtmpException(new Reason(Reasons.TargetUnreachable, $"{url}: {exception.Message}"), exception);
            }
        }
    }
}
