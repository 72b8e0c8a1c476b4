using System.Net.Sockets;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>A player that never reads: its socket fills up. It does say something now and then, as a server gives up who is silent.</summary>
internal sealed class StuckViewer : IAsyncDisposable
{
    // An acknowledgement of nothing, in one chunk (RTMP 1.0, 5.4.3).
    private static readonly byte[] Acknowledgement = [2, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0];

    private Socket? _socket;
    private RtmpPlayer? _player;

    public async Task StartAsync(RtmpUrl url, MediaBufferPool pool, CancellationToken cancellationToken)
    {
        var client = new RtmpClient(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System, DialAsync);
        _player = await client.PlayAsync(url, cancellationToken);
    }

    /// <returns>Whether it is still connected.</returns>
    public bool SaySomething()
    {
        var sent = _socket!.Send(Acknowledgement, SocketFlags.None, out var error);
        return error == SocketError.Success && sent == Acknowledgement.Length;
    }

    public async ValueTask DisposeAsync()
    {
        if (_player is not null)
        {
            await _player.DisposeAsync();
        }
    }

    private async ValueTask<Stream> DialAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await _socket.ConnectAsync(url.Host, url.Port, cancellationToken);
        return new NetworkStream(_socket, ownsSocket: true);
    }
}
