using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Feeds;
using Transcoder.Streams.Workers;

namespace Transcoder.Streams.Transcoding;

/// <summary>Carries a source's packets to its worker: as many as are there in one write, slower when the worker is.</summary>
internal sealed class WorkerPump
{
    private readonly WorkerLink _link;
    private readonly FeedReader _reader;
    private Track? _video;
    private Track? _audio;

    public WorkerPump(WorkerLink link, FeedReader reader)
    {
        _link = link;
        _reader = reader;
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            do
            {
                while (_link.HasRoom && _reader.TryRead(out var packet))
                {
                    try
                    {
                        if (packet.Track is { Id: 0, Kind: not TrackKind.Data } && (packet.Flags & PacketFlags.EndOfSequence) == 0)
                        {
                            Announce(packet.Track);
                            _link.Stage(packet, (int)Math.Min(_reader.Lag.Milliseconds, ushort.MaxValue));
                        }
                    }
                    finally
                    {
                        packet.Release();
                    }
                }

                await _link.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            while (await _reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false));

            _link.Stage(WorkerMessageType.EndOfStream);
            await _link.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The worker's end has gone; the receiver sees the same and gives the reason.
        }
    }

    private void Announce(Track track)
    {
        ref var last = ref (track.Kind == TrackKind.Video ? ref _video : ref _audio);
        if (!ReferenceEquals(last, track))
        {
            last = track;
            _link.Stage(WorkerMessageType.Track, track, WorkerJson.Default.Track, track.Kind);
        }
    }
}
