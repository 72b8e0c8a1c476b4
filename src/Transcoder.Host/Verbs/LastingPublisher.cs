using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Clients;

namespace Transcoder.Host.Verbs;

/// <summary>
/// Publishes over one connection after another when the server asks for it: goes over at a keyframe, and when the server was faster and has closed, connects again
/// and goes on at the next one. Any other end is the end. One writer.
/// </summary>
internal sealed class LastingPublisher(RtmpClient client, RtmpPublisher publisher, TimeSpan patience, TimeProvider clock, TextWriter output) : IAsyncDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);

    private readonly PublisherHandover _handover = new(client, clock);
    private RtmpPublisher _publisher = publisher;
    private bool _hasVideo;
    private bool _needsBoundary;

    /// <summary>Takes over the caller's reference.</summary>
    /// <exception cref="RtmpException">The connection has ended, and the server did not ask for another.</exception>
    public async ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken)
    {
        _hasVideo |= packet.Track.Kind == TrackKind.Video;

        // Demuxers call every packet of sound a keyframe.
        var isBoundary = packet is { IsKeyframe: true, Track: { Kind: TrackKind.Video, Id: 0 } } || !_hasVideo;
        _handover.Watch(_publisher);
        try
        {
            if (isBoundary && _handover.IsReady)
            {
                await GoOverAsync(_handover.Take());
            }
            else if (_publisher is { EndReason.Code: not null, ReconnectUrl: { } url })
            {
                await GoOverAsync(await ReconnectAsync(url, cancellationToken));
                _needsBoundary = true;
            }
        }
        catch
        {
            packet.Release();
            throw;
        }

        if (_needsBoundary && !isBoundary)
        {
            packet.Release();
            return;
        }

        _needsBoundary = false;
        try
        {
            await _publisher.WriteAsync(packet, cancellationToken);
        }
        catch (RtmpException) when (_publisher.ReconnectUrl is not null)
        {
            // The server closed before it could be left; the next packet finds the new connection.
            _needsBoundary = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _handover.DisposeAsync();
        await _publisher.DisposeAsync();
    }

    private async ValueTask GoOverAsync(RtmpPublisher next)
    {
        var old = _publisher;
        _publisher = next;
        await output.WriteLineAsync("the server asked for a new connection; publishing goes on there");
        await old.DisposeAsync();
    }

    /// <summary>A server that restarts refuses or is not there for a moment.</summary>
    private async Task<RtmpPublisher> ReconnectAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            try
            {
                return await client.PublishAsync(url, cancellationToken);
            }
            catch (RtmpException) when (clock.GetElapsedTime(started) < patience)
            {
                await Task.Delay(Again, clock, cancellationToken);
            }
        }
    }
}
