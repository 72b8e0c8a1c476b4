using System.Runtime.CompilerServices;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Connections;

/// <summary>
/// Carries a stream to one connection: what the source has now, as one batch, in one flush, or a run where it is published. Allocates nothing in steady state. One user at a time.
/// </summary>
/// <param name="fault">Told of what went wrong while a run was taken: that thread is the stream's, and one player's fault is nobody else's.</param>
internal sealed class ImagePump(ConnectionWriter writer, MessageComposer composer, uint streamId, int batchBytes, Action<Exception> fault) : IRunReceiver
{
    // Enough for a batch of audio packets; video fills the byte limit first.
    private const int BatchPackets = 64;

    // What one flush seldom exceeds in steady state; a longer list is not kept.
    private const int UsualImages = 8;

    private readonly SteadyForm _steady = composer.Steady;
    private readonly List<WireImage> _images = [];
    private bool _sourceIsDry;
    private long _bytes;
    private long _dropped;

    public long BytesWritten => Interlocked.Read(ref _bytes);

    /// <returns>False when the connection takes no more.</returns>
    public ValueTask<bool> WriteAsync(IPacketSource source, CancellationToken cancellationToken)
    {
        var bytes = 0;
        while (composer.Waiting < BatchPackets && bytes < batchBytes && source.TryRead(out var packet))
        {
            bytes += packet.Payload.Length;
            NoteGap(source);
            composer.Add(packet);
        }

        _sourceIsDry = composer.Waiting < BatchPackets && bytes < batchBytes;
        composer.Expect(source);
        return WriteAsync(cancellationToken);
    }

    /// <summary>Sends a run at once and as everyone does, or not at all. Between two calls of the others.</summary>
    public bool TryTake(PacketRun run)
    {
        try
        {
            // The image carries many stream ids, of which a connection with another number could patch only the first.
            // The composer, which would answer as well, is a large object and mostly not asked.
            if (streamId != MessageMuxer.StreamId || (_steady.ImageOf(run) ?? composer.ImageOf(run)) is not { } image || !writer.TryWrite(image))
            {
                return false;
            }

            _bytes += image.Length;
            return true;
        }
        catch (Exception exception)
        {
            fault(exception);
            return false;
        }
    }

    public void Approach()
    {
        _steady.Approach();
        writer.Approach();
    }

    /// <summary>Takes over the caller's reference.</summary>
    public ValueTask<bool> WriteAsync(Packet packet, CancellationToken cancellationToken)
    {
        composer.Add(packet);
        return WriteAsync(cancellationToken);
    }

    private void NoteGap(IPacketSource source)
    {
        if (source.DroppedPackets != _dropped)
        {
            _dropped = source.DroppedPackets;
            composer.SkipGap();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> WriteAsync(CancellationToken cancellationToken)
    {
        try
        {
            composer.Compose(_images);
            if (_sourceIsDry)
            {
                composer.CatchUp();
            }

            foreach (var image in _images)
            {
                _bytes += image.Length;
            }

            return _images.Count == 0 || await writer.WriteAsync(_images, streamId, cancellationToken);
        }
        finally
        {
            composer.Clear();
            foreach (var image in _images)
            {
                image.Release();
            }

            _images.Clear();
            if (_sourceIsDry && _images.Capacity > UsualImages)
            {
                _images.Capacity = 0;
            }
        }
    }
}
