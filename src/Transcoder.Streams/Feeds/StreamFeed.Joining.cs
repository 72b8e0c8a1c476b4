using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <content>Who comes and goes, and where each begins or goes on.</content>
public sealed partial class StreamFeed
{
    /// <summary>A subscriber that starts with the metadata and the newest keyframe (or, without video, a moment of sound).</summary>
    /// <param name="lag">How far it may fall behind, at most what is kept; the limits' value where none is given.</param>
    public FeedReader Subscribe(MediaTime? lag = null)
    {
        lock (_gate)
        {
            _ring.Unpack();
            var reader = new FeedReader(this, JoinPoint(out var needKeyframe), needKeyframe, slowsPublisher: false, lag);
            if (_metadata is not null)
            {
                reader.SetMetadata(_metadata);
            }

            Add(reader);
            return reader;
        }
    }

    /// <summary>
    /// A transcoder's reader: it starts at the newest keyframe presented at or before <paramref name="resume"/> (the oldest kept one if none is), never
    /// jumps while it keeps up, and slows the publisher when it doesn't.
    /// </summary>
    public FeedReader SubscribeTranscoder(MediaTime resume)
    {
        lock (_gate)
        {
            _ring.Unpack();
            long? start = null;
            foreach (var keyframe in _keyframes)
            {
                if (start is null || At(keyframe).Pts <= resume)
                {
                    start = keyframe;
                }
            }

            // The sound just before the picture belongs to it: encoders mux it up to some tenths of a second earlier.
            while (start > Tail && At(start.Value - 1).Track.Kind != TrackKind.Video)
            {
                start--;
            }

            var hasVideo = HasVideo();
            var reader = new FeedReader(this, start ?? (hasVideo ? Head : Tail), needKeyframe: start is null && hasVideo, slowsPublisher: true);
            Add(reader);
            return reader;
        }
    }

    /// <summary>Where a subscriber may begin. Other tracks have keyframes of their own, which subscribers wait for by themselves.</summary>
    internal static bool IsEntry(Packet packet) => packet.IsKeyframe && packet.Track is { Kind: TrackKind.Video, Id: 0 };

    /// <summary>Where a subscriber that fell behind goes on: the newest keyframe ahead of it, else the head to wait for the next.</summary>
    internal long JumpPoint(long cursor, out bool needKeyframe)
    {
        if (_newestKeyframe >= Tail && _newestKeyframe > cursor)
        {
            needKeyframe = false;
            return _newestKeyframe;
        }

        needKeyframe = HasVideo();
        return Head;
    }

    internal void Remove(FeedReader reader)
    {
        lock (_gate)
        {
            _readers.Remove(reader);
            _prompt.Remove(reader);
            NoteReaders();
            _unreadSince = _newest;
            if (_end is not null && _readers.Count == 0)
            {
                Clear();
            }
        }
    }

    private void Add(FeedReader reader)
    {
        _readers.Add(reader);
        _prompt.Add(reader);
        NoteReaders();
    }

    private void NoteReaders()
    {
        Volatile.Write(ref _isRead, _readers.Count > 0);
        Volatile.Write(ref _hasTranscoder, _readers.Exists(static reader => reader.SlowsPublisher));
    }

    private long JoinPoint(out bool needKeyframe)
    {
        needKeyframe = false;
        if (HasVideo())
        {
            if (_newestKeyframe >= Tail)
            {
                return _newestKeyframe;
            }

            needKeyframe = true;
            return Head;
        }

        var start = Head;
        while (start > Tail && _newest - At(start - 1).Dts <= AudioJoin)
        {
            start--;
        }

        return start;
    }
}
