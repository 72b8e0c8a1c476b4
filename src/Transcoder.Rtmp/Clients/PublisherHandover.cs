using Transcoder.Media;

namespace Transcoder.Rtmp.Clients;

/// <summary>
/// Obeys a server's reconnect request: connects to the new place while the old connection goes on, so that the caller can go over at a keyframe and lose nothing.
/// An attempt that fails is made again for as long as the old connection lives. One user at a time.
/// </summary>
public sealed class PublisherHandover(RtmpClient client, TimeProvider time) : IAsyncDisposable
{
    /// <summary>A server that goes out of service is back, or replaced, in some seconds.</summary>
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);

    private Task? _connecting;
    private CancellationTokenSource? _stop;
    private RtmpPublisher? _ready;

    /// <summary>Whether <see cref="Take"/> has a publisher: ask before each keyframe.</summary>
    public bool IsReady => Volatile.Read(ref _ready) is not null;

    /// <summary>Starts to connect when <paramref name="current"/> was asked to; cheap to call often.</summary>
    public void Watch(RtmpPublisher current)
    {
        if (_connecting is null && current.ReconnectUrl is { } url)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(current.Closed);
            _connecting = ConnectAsync(url, _stop.Token);
        }
    }

    /// <summary>The publisher to go on with, owned by the caller, who disposes of the old one.</summary>
    public RtmpPublisher Take()
    {
        var publisher = Interlocked.Exchange(ref _ready, null) ?? throw new InvalidOperationException("no publisher is ready");
        _connecting = null;
        _stop?.Dispose();
        _stop = null;
        return publisher;
    }

    public async ValueTask DisposeAsync()
    {
        if (_stop is { } stop)
        {
            await stop.CancelAsync();
            await (_connecting ?? Task.CompletedTask);
            if (_ready is { } unused)
            {
                await unused.DisposeAsync();
            }

            stop.Dispose();
        }
    }

    /// <summary>Until there is a publisher, or the old connection has ended.</summary>
    private async Task ConnectAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        // Its own place in the queue: the caller sends on meanwhile.
        await Task.Yield();
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                Volatile.Write(ref _ready, await client.PublishAsync(url, cancellationToken));
                return;
            }
            catch (Exception exception) when (exception is RtmpException or OperationCanceledException)
            {
                // As long as the old connection carries the stream nothing is lost; when it ends, its owner has the reason.
                await Task.Delay(Again, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
