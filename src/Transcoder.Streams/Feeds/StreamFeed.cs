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
    private readonly PacketRing _ring = new();
    private readonly FeedTracks _tracks = new();
    private long _newestKeyframe = -1;
    private long _previousKeyframe = -1;
    private MediaTime _newest = MediaTime.MinValue;

    // When the last reader left.
    private MediaTime _unreadSince;
    private MediaTime _newestVideo = MediaTime.MinValue;
    private Packet? _metadata;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
    public IReadOnlyList<Track> Tracks => _tracks.All;

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

    internal long Head => _ring.Head;

    internal long Tail => _ring.Tail;

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

            var due = _gathering.Take(packet, _readers.Count > _prompt.Count);
            Append(packet);
            Trim();
            released = due ? ReleaseHeld() : (AddWaiting(_prompt), null);
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

    internal Packet At(long sequence) => _ring[sequence];

    internal MediaTime LagLocked(long cursor) => cursor >= Head ? MediaTime.Zero : _newest - At(Math.Max(cursor, Tail)).Dts;

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
            return _tracks.Since(_newest - TrackSilence);
        }
    }

    internal bool HasVideo() => _newestVideo != MediaTime.MinValue && _newest - _newestVideo < TrackSilence;

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
            _tracks.Note(packet.Track, packet.Dts);
        }

        if (packet.Track is { Kind: TrackKind.Video, Id: 0 })
        {
            _newestVideo = MediaTime.Max(_newestVideo, packet.Dts);
            if (packet.IsKeyframe)
            {
                _previousKeyframe = _newestKeyframe;
                _newestKeyframe = Head;
                _keyframes.Enqueue(Head);
            }
        }

        if (Head == 0)
        {
            _unreadSince = packet.Dts;
        }

        _newest = MediaTime.Max(_newest, packet.Dts);
        _ring.Append(packet);
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
        var keep = !unread ? _limits.Keep : HasVideo() ? MediaTime.Zero : AudioJoin;
        var keyframe = !unread && _previousKeyframe >= 0 ? _previousKeyframe : _newestKeyframe;
        bool Goes()
        {
            var age = _newest - _ring.OldestDts;
            var over = _ring.Bytes > _limits.MaxBytes || _ring.Count > _limits.MaxPackets || age > _limits.KeepAtMost;
            return over || (age > keep && (keyframe < 0 || Tail < keyframe));
        }

        while (_ring.Count > 1 && Goes())
        {
            DropTail();
        }

        if (unread)
        {
            _ring.Pack();
        }
    }

    private void DropTail()
    {
        if (_keyframes.TryPeek(out var keyframe) && keyframe == Tail)
        {
            _keyframes.Dequeue();
        }

        _ring.DropOldest();
    }

    private void Clear()
    {
        _keyframes.Clear();
        _ring.Clear();
        _metadata?.Release();
        _metadata = null;
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
