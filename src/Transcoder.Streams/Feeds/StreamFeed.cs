using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// A live stream's recent packets in one ring, read by any number of subscribers through a cursor each: memory is bounded per stream, not per
/// subscriber, and a packet is stored once however many watch. The ring is also the GOP cache: a new subscriber's cursor starts at the newest
/// keyframe. One writer; readers on any thread; one lock, held for a few instructions.
/// </summary>
public sealed partial class StreamFeed
{
    // A stream whose video has been silent this long is joined at its sound, and whoever joins is not told of a track that has been.
    private static readonly MediaTime TrackSilence = MediaTime.FromMilliseconds(5_000);
    private static readonly MediaTime AudioJoin = MediaTime.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly FeedLimits _limits;
    private readonly TimeProvider _clock;
    private readonly List<FeedReader> _readers = [];
    private readonly Queue<long> _keyframes = new();
    private Packet?[] _ring = new Packet?[256];
    private long _head;
    private long _tail;
    private long _bytes;
    private long _newestKeyframe = -1;
    private long _previousKeyframe = -1;
    private MediaTime _newest = MediaTime.MinValue;

    // When the last reader left.
    private MediaTime _unreadSince;
    private MediaTime _newestVideo = MediaTime.MinValue;
    private Packet? _metadata;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Track[] _tracks = [];

    // DTS of each track's last packet.
    private MediaTime[] _lastOfTrack = [];
    private Reason? _end;

    // What is asked for each packet, without the lock.
    private bool _isRead;
    private bool _hasTranscoder;
    private long _dropped;
    private long _jumps;

    public StreamFeed(FeedLimits limits, TimeProvider clock)
    {
        _limits = limits;
        _clock = clock;
        _gathering = new FeedGathering(limits.Pace, clock);
    }

    /// <summary>At most one track of a kind and id, newest facts.</summary>
    public IReadOnlyList<Track> Tracks => Volatile.Read(ref _tracks);

    public Reason EndReason
    {
        get
        {
            lock (_gate)
            {
                return _end ?? default;
            }
        }
    }

    /// <summary>Completes when the stream ends.</summary>
    public Task Completion => _completion.Task;

    /// <summary>DTS of the newest packet; MinValue before the first.</summary>
    public MediaTime Newest
    {
        get
        {
            lock (_gate)
            {
                return _newest;
            }
        }
    }

    public int Subscribers
    {
        get
        {
            lock (_gate)
            {
                return _readers.Count;
            }
        }
    }

    /// <summary>Whether anyone reads it, as of this moment.</summary>
    internal bool IsRead => Volatile.Read(ref _isRead);

    /// <summary>Packets that subscribers were not given because they were too far behind, over all subscribers so far.</summary>
    public long DroppedPackets => Interlocked.Read(ref _dropped);

    /// <summary>How often a subscriber that was too far behind went on at a newer keyframe.</summary>
    public long Jumps => Interlocked.Read(ref _jumps);

    internal FeedLimits Limits => _limits;

    internal Lock Gate => _gate;

    internal long Head => Volatile.Read(ref _head);

    internal long Tail => _tail;

    internal bool Ended => _end is not null;

    /// <summary>Appends; takes over the caller's reference. Never waits.</summary>
    public void Publish(Packet packet)
    {
        (int Waking, FeedRow? Rows) released;
        lock (_gate)
        {
            if (_end is not null)
            {
                packet.Release();
                return;
            }

            Append(packet);
            Trim();
            released = _gathering.Take(packet, _readers.Count > _prompt.Count) ? ReleaseHeld() : (AddWaiting(_prompt), null);
        }

        Start(released);
    }

    /// <summary>
    /// Waits while a transcoder's reader is further behind than it may be, then returns; the publisher that awaits this feels TCP pressure.
    /// </summary>
    public ValueTask WaitForTranscoderAsync(CancellationToken cancellationToken)
    {
        if (!Volatile.Read(ref _hasTranscoder))
        {
            return default;
        }

        FeedReader? slow = null;
        lock (_gate)
        {
            foreach (var reader in _readers)
            {
                if (reader.SlowsPublisher && reader.LagLocked() > _limits.TranscoderLag)
                {
                    slow = reader;
                }
            }
        }

        return slow is null ? default : new ValueTask(WaitForAsync(slow, cancellationToken));
    }

    /// <summary>Ends the stream: readers get what is left, then the reason. The first call wins.</summary>
    public void Complete(Reason reason)
    {
        List<FeedReader> waiting = [];
        lock (_gate)
        {
            if (_end is not null)
            {
                return;
            }

            _end = reason;

            // What was held is let go: a reader that was busy finds it too.
            _gathering.Stop();
            _completion.TrySetResult();
            CollectWaiting(waiting);
            foreach (var reader in _readers)
            {
                reader.ReleaseRoomWaiter();
            }

            if (_readers.Count == 0)
            {
                Clear();
            }
        }

        foreach (var reader in waiting)
        {
            reader.Wake();
        }
    }

    /// <summary>A subscriber that starts with the metadata and the newest keyframe (or, without video, a moment of sound).</summary>
    /// <param name="lag">How far it may fall behind, at most what is kept; the limits' value where none is given.</param>
    public FeedReader Subscribe(MediaTime? lag = null)
    {
        lock (_gate)
        {
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
            long? start = null;
            foreach (var keyframe in _keyframes)
            {
                if (start is null || At(keyframe).Pts <= resume)
                {
                    start = keyframe;
                }
            }

            // The sound just before the picture belongs to it: encoders mux it up to some tenths of a second earlier.
            while (start > _tail && At(start.Value - 1).Track.Kind != TrackKind.Video)
            {
                start--;
            }

            var hasVideo = HasVideo();
            var reader = new FeedReader(this, start ?? (hasVideo ? _head : _tail), needKeyframe: start is null && hasVideo, slowsPublisher: true);
            Add(reader);
            return reader;
        }
    }

    /// <summary>Where a subscriber may begin. Other tracks have keyframes of their own, which subscribers wait for by themselves.</summary>
    internal static bool IsEntry(Packet packet) => packet.IsKeyframe && packet.Track is { Kind: TrackKind.Video, Id: 0 };

    internal Packet At(long sequence) => _ring[sequence & (_ring.Length - 1)]!;

    /// <summary>Where a subscriber that fell behind goes on: the newest keyframe ahead of it, else the head to wait for the next.</summary>
    internal long JumpPoint(long cursor, out bool needKeyframe)
    {
        if (_newestKeyframe >= _tail && _newestKeyframe > cursor)
        {
            needKeyframe = false;
            return _newestKeyframe;
        }

        needKeyframe = HasVideo();
        return _head;
    }

    internal MediaTime LagLocked(long cursor) => cursor >= _head ? MediaTime.Zero : _newest - At(Math.Max(cursor, _tail)).Dts;

    /// <summary>Under the lock.</summary>
    internal void NoteDropped(long packets, bool jump)
    {
        _dropped += packets;
        _jumps += jump ? 1 : 0;
    }

    /// <summary>The tracks that are not silent, newest facts.</summary>
    internal Track[] TracksUnderWay()
    {
        lock (_gate)
        {
            return [.. _tracks.Where((_, i) => _newest - _lastOfTrack[i] < TrackSilence)];
        }
    }

    internal bool HasVideo() => _newestVideo != MediaTime.MinValue && _newest - _newestVideo < TrackSilence;

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

    private async Task WaitForAsync(FeedReader slow, CancellationToken cancellationToken)
    {
        var room = slow.WaitForRoom();
        try
        {
            await room.WaitAsync(_limits.TranscoderStall, _clock, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The transcoder is stuck: it is its supervisor's to replace it; the stream goes on meanwhile.
            slow.SlowsPublisher = false;
        }
    }

    private void Append(Packet packet)
    {
        if (packet.Track.Kind == TrackKind.Data)
        {
            KeepMetadata(packet);
        }
        else
        {
            NoteTrack(packet.Track, packet.Dts);
        }

        if (_head - _tail == _ring.Length)
        {
            Grow();
        }

        _ring[_head & (_ring.Length - 1)] = packet;
        if (packet.Track is { Kind: TrackKind.Video, Id: 0 })
        {
            _newestVideo = MediaTime.Max(_newestVideo, packet.Dts);
            if (packet.IsKeyframe)
            {
                _previousKeyframe = _newestKeyframe;
                _newestKeyframe = _head;
                _keyframes.Enqueue(_head);
            }
        }

        if (_head == 0)
        {
            _unreadSince = packet.Dts;
        }

        _head++;
        _bytes += packet.Payload.Length;
        _newest = MediaTime.Max(_newest, packet.Dts);
    }

    /// <summary>Late joiners get the publisher's onMetaData until it takes it back; cue points and text are of their moment.</summary>
    private void KeepMetadata(Packet packet)
    {
        if ((packet.Flags & PacketFlags.Metadata) != 0)
        {
            _metadata?.Release();
            _metadata = null;
            if (!packet.Payload.IsEmpty)
            {
                packet.AddReference();
                _metadata = packet;
            }
        }
    }

    private void Trim()
    {
        var unread = _readers.Count == 0 && _newest - _unreadSince >= _limits.UnreadAfter;
        var keep = unread ? AudioJoin : _limits.Keep;
        var keyframe = !unread && _previousKeyframe >= 0 ? _previousKeyframe : _newestKeyframe;
        while (_head - _tail > 1)
        {
            var age = _newest - At(_tail).Dts;
            var over = _bytes > _limits.MaxBytes || _head - _tail > _limits.MaxPackets || age > _limits.KeepAtMost;
            var kept = age <= keep || (keyframe >= 0 && _tail >= keyframe);
            if (!over && kept)
            {
                return;
            }

            DropTail();
        }
    }

    private void DropTail()
    {
        var packet = At(_tail);
        _ring[_tail & (_ring.Length - 1)] = null;
        if (_keyframes.TryPeek(out var keyframe) && keyframe == _tail)
        {
            _keyframes.Dequeue();
        }

        _tail++;
        _bytes -= packet.Payload.Length;
        packet.Release();
    }

    private void Clear()
    {
        while (_tail < _head)
        {
            DropTail();
        }

        _metadata?.Release();
        _metadata = null;
    }

    private void Grow()
    {
        var larger = new Packet?[_ring.Length * 2];
        for (var sequence = _tail; sequence < _head; sequence++)
        {
            larger[sequence & (larger.Length - 1)] = At(sequence);
        }

        _ring = larger;
    }

    private long JoinPoint(out bool needKeyframe)
    {
        needKeyframe = false;
        if (HasVideo())
        {
            if (_newestKeyframe >= _tail)
            {
                return _newestKeyframe;
            }

            needKeyframe = true;
            return _head;
        }

        var start = _head;
        while (start > _tail && _newest - At(start - 1).Dts <= AudioJoin)
        {
            start--;
        }

        return start;
    }

    private void NoteTrack(Track track, MediaTime dts)
    {
        var tracks = _tracks;
        for (var i = 0; i < tracks.Length; i++)
        {
            if (tracks[i].Kind == track.Kind && tracks[i].Id == track.Id)
            {
                _lastOfTrack[i] = dts;
                if (!ReferenceEquals(tracks[i], track))
                {
                    var changed = (Track[])tracks.Clone();
                    changed[i] = track;
                    Volatile.Write(ref _tracks, changed);
                }

                return;
            }
        }

        _lastOfTrack = [.. _lastOfTrack, dts];
        Volatile.Write(ref _tracks, [.. tracks, track]);
    }

    private void CollectWaiting(List<FeedReader> waiting)
    {
        foreach (var reader in _readers)
        {
            if (reader.TakeWaiting())
            {
                waiting.Add(reader);
            }
        }
    }
}
