using System.Threading.Tasks.Sources;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>One subscriber's cursor on a <see cref="StreamFeed"/>. Waiting allocates nothing: the reader is its own value task source.</summary>
public sealed class FeedReader : IPacketSource, IValueTaskSource<bool>
{
    private readonly StreamFeed _feed;
    private readonly MediaTime _lagLimit;
    private ManualResetValueTaskSourceCore<bool> _ready = new() { RunContinuationsAsynchronously = true };

    // Kept over waits: a subscriber waits with the same token all its life.
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private TaskCompletionSource? _room;
    private Packet? _metadata;
    private long _cursor;

    // A subscriber that starts deep in a long GOP may be that much later until it has caught up once.
    private MediaTime _allowedLag;
    private bool _needKeyframe;

    // Has had its first packet.
    private bool _settled;
    private bool _waiting;
    private bool _disposed;

    internal FeedReader(StreamFeed feed, long cursor, bool needKeyframe, bool slowsPublisher, MediaTime? lagLimit = null)
    {
        _feed = feed;
        _cursor = cursor;
        _needKeyframe = needKeyframe;
        SlowsPublisher = slowsPublisher;
        _lagLimit = lagLimit ?? feed.Limits.SubscriberLag;
        _allowedLag = _lagLimit + feed.LagLocked(cursor);
    }

    public Reason EndReason => _feed.EndReason;

    public IReadOnlyList<Track> Tracks => _feed.Tracks;

    public long DroppedPackets { get; private set; }

    /// <summary>How far the next packet is behind the newest.</summary>
    public MediaTime Lag
    {
        get
        {
            lock (_feed.Gate)
            {
                return LagLocked();
            }
        }
    }

    internal bool SlowsPublisher { get; set; }

    public bool TryRead(out Packet packet)
    {
        // Most reads find the ring empty behind the packet just taken. Who misses one here is told by the wait, which looks under the lock.
        if (_cursor >= _feed.Head && _metadata is null)
        {
            packet = null!;
            return false;
        }

        lock (_feed.Gate)
        {
            if (_metadata is { } metadata && !_disposed)
            {
                return TakeMetadata(metadata, out packet);
            }

            KeepUp();
            while (_cursor < _feed.Head && !_disposed)
            {
                packet = _feed.At(_cursor++);
                if (_needKeyframe && packet.Track.Kind != TrackKind.Data)
                {
                    if (!StreamFeed.IsEntry(packet) && _feed.HasVideo())
                    {
                        DroppedPackets++;
                        continue;
                    }

                    _needKeyframe = false;
                }

                packet.AddReference();
                ReleaseRoomWaiterIfNear();
                Settle();
                return true;
            }
        }

        packet = null!;
        return false;
    }

    public bool TryReadRun(out PacketRun run)
    {
        lock (_feed.Gate)
        {
            if (!_settled || _needKeyframe || _metadata is not null || _disposed || _feed.TakeRun(ref _cursor) is not { } newest)
            {
                run = null!;
                return false;
            }

            // Caught up: what comes now is at most a hold old.
            _allowedLag = _lagLimit;
            run = newest;
            return true;
        }
    }

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken)
    {
        lock (_feed.Gate)
        {
            if (_disposed)
            {
                return new ValueTask<bool>(false);
            }

            if (_cursor < (_settled ? _feed.Released : _feed.Head) || _metadata is not null)
            {
                return new ValueTask<bool>(true);
            }

            if (_feed.Ended)
            {
                return new ValueTask<bool>(false);
            }

            if (_waiting)
            {
                throw new InvalidOperationException("a feed reader has one waiter at a time");
            }

            _ready.Reset();
            _waiting = true;
        }

        if (cancellationToken != _token)
        {
            _cancellation.Unregister();
            _token = cancellationToken;
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((FeedReader)state!).Cancel(token), this);
        }
        else if (cancellationToken.IsCancellationRequested)
        {
            // Its registration has run, perhaps before this wait began.
            Cancel(cancellationToken);
        }

        return new ValueTask<bool>(this, _ready.Version);
    }

    public void Dispose()
    {
        bool wake;
        lock (_feed.Gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _metadata?.Release();
            _metadata = null;
            ReleaseRoomWaiter();
            wake = TakeWaiting();
        }

        _cancellation.Unregister();
        _feed.Remove(this);
        if (wake)
        {
            Wake();
        }
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _ready.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _ready.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _ready.OnCompleted(continuation, state, token, flags);

    internal void SetMetadata(Packet metadata)
    {
        metadata.AddReference();
        _metadata = metadata;
    }

    internal MediaTime LagLocked() => _feed.LagLocked(_cursor);

    /// <summary>Under the feed's lock: completes when the reader has come near enough, or has gone.</summary>
    internal Task WaitForRoom()
    {
        lock (_feed.Gate)
        {
            if (_disposed || _feed.Ended || LagLocked() <= _feed.Limits.TranscoderLag)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    internal void ReleaseRoomWaiter()
    {
        _room?.TrySetResult();
        _room = null;
    }

    internal bool TakeWaiting()
    {
        var waiting = _waiting;
        _waiting = false;
        return waiting;
    }

    /// <param name="inline">Whether the waiter may run here: on a thread of the pool that holds no lock.</param>
    internal void Wake(bool inline = false)
    {
        // Whoever took the waiting flag is alone with the source until it has a result.
        _ready.RunContinuationsAsynchronously = !inline;
        _ready.SetResult(!_disposed && (_cursor < _feed.Head || !_feed.Ended));
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        bool wake;
        lock (_feed.Gate)
        {
            // A registration that was taken back while it ran belongs to an earlier wait.
            wake = cancellationToken == _token && TakeWaiting();
        }

        if (wake)
        {
            _ready.RunContinuationsAsynchronously = true;
            _ready.SetException(new OperationCanceledException(cancellationToken));
        }
    }

    private bool TakeMetadata(Packet metadata, out Packet packet)
    {
        _metadata = null;

        // Stamped like the first packet that follows, so that the subscriber's timeline starts there.
        var at = _cursor < _feed.Head ? _feed.At(Math.Max(_cursor, _feed.Tail)).Dts : metadata.Dts;
        packet = metadata.Retimed(at, at, metadata.Flags);
        metadata.Release();
        return true;
    }

    private void KeepUp()
    {
        var lag = LagLocked();
        if (lag < new MediaTime(_lagLimit.Nanoseconds / 2))
        {
            _allowedLag = _lagLimit;
        }

        if (_cursor < _feed.Tail || (!SlowsPublisher && lag > _allowedLag))
        {
            var target = _feed.JumpPoint(_cursor, out _needKeyframe);
            DroppedPackets += target - _cursor;
            _cursor = target;
        }
    }

    private void Settle()
    {
        if (!_settled && !SlowsPublisher)
        {
            _settled = true;
            _feed.Settle(this);
        }
    }

    private void ReleaseRoomWaiterIfNear()
    {
        // Half the limit: the publisher is let go for a while, not for one packet.
        if (_room is not null && LagLocked() <= new MediaTime(_feed.Limits.TranscoderLag.Nanoseconds / 2))
        {
            ReleaseRoomWaiter();
        }
    }
}
