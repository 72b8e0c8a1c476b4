using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>A feed's tracks and when each had its last packet. Written under the feed's lock.</summary>
internal sealed class FeedTracks
{
    private Track[] _tracks = [];
    private MediaTime[] _lastDts = [];

    /// <summary>At most one of a kind and id, newest facts. Read without the lock.</summary>
    public IReadOnlyList<Track> All => Volatile.Read(ref _tracks);

    public void Note(Track track, MediaTime dts)
    {
        var tracks = _tracks;
        for (var i = 0; i < tracks.Length; i++)
        {
            if (tracks[i].Kind == track.Kind && tracks[i].Id == track.Id)
            {
                _lastDts[i] = dts;
                if (!ReferenceEquals(tracks[i], track))
                {
                    var changed = (Track[])tracks.Clone();
                    changed[i] = track;
                    Volatile.Write(ref _tracks, changed);
                }

                return;
            }
        }

        _lastDts = [.. _lastDts, dts];
        Volatile.Write(ref _tracks, [.. tracks, track]);
    }

    /// <summary>Under the lock: those that have had a packet since <paramref name="since"/>.</summary>
    public Track[] Since(MediaTime since) => [.. _tracks.Where((_, i) => _lastDts[i] > since)];
}
