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
    private IRunReceiver? _receiver;
    private Packet? _metadata;
    private long _cursor;

    // A subscriber that starts deep in a long GOP may be that much later until it has caught up once.
    private MediaTime _lateLimit;
    private bool _isLate;
    private bool _needKeyframe;

    // Has had its first packet.
    private bool _settled;
    private bool _waiting;
    private bool _cancelled;
    private bool _disposed;

    internal FeedReader(StreamFeed feed, long cursor, bool needKeyframe, bool slowsPublisher, MediaTime? lagLimit = null)
    {
        _feed = feed;
        _cursor = cursor;
        _needKeyframe = needKeyframe;
        SlowsPublisher = slowsPublisher;
        _lagLimit = lagLimit ?? feed.Limits.SubscriberLag;
        BeginLate();
    }

    public Reason EndReason => _feed.EndReason;

    public IReadOnlyList<Track> Tracks => _feed.TracksUnderWay();

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

    // Who gathers stays level with the others: a part of what is held, read now, would be a write more and leave it out of step.
    private long Limit => _settled ? _feed.Released : _feed.Head;

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
            if (_disposed)
            {
                // Nor is the ring asked for anything: without readers it is packed.
                packet = null!;
                return false;
            }

            if (_metadata is { } metadata)
            {
                return TakeMetadata(metadata, out packet);
            }

            KeepUp();
            while (_cursor < Limit)
            {
                packet = _feed.At(_cursor++);
                if (_needKeyframe && packet.Track.Kind != TrackKind.Data)
                {
                    if (StreamFeed.IsEntry(packet))
                    {
                        _needKeyframe = false;
                    }
                    else if (packet.Track.Kind == TrackKind.Video || _feed.HasVideo())
                    {
                        DroppedPackets++;

                        // Who has had nothing yet has not lost anything either.
                        _feed.NoteDropped(_settled ? 1 : 0, jump: false);
                        continue;
                    }
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

    public void DeliverTo(IRunReceiver receiver) => _receiver = receiver;

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken)
    {
        bool isAnother;
        lock (_feed.Gate)
        {
            if (_disposed)
            {
                return new ValueTask<bool>(false);
            }

            if (_cursor < Limit || _metadata is not null)
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
            isAnother = cancellationToken != _token;
            if (isAnother)
            {
                _token = cancellationToken;
                _cancelled = false;
            }
        }

        if (isAnother)
        {
            _cancellation.Unregister();
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

    internal MediaTime LagLocked() => _disposed ? MediaTime.Zero : _feed.LagLocked(_cursor);

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

    /// <summary>Under the feed's lock: whether this waits for exactly the run that begins at <paramref name="from"/>, which is then its receiver's.</summary>
    internal bool TakeLevel(long from)
    {
        if (!_waiting || _receiver is null || !_settled || _needKeyframe || _metadata is not null || _cursor != from)
        {
            return false;
        }

        _waiting = false;
        return true;
    }

    /// <summary>Outside the lock, between <see cref="TakeLevel"/> and <see cref="WaitOn"/>.</summary>
    internal bool TryDeliver(PacketRun run) => _receiver!.TryTake(run);

    /// <summary>As <see cref="IRunReceiver.Approach"/>.</summary>
    internal void Approach() => _receiver!.Approach();

    /// <summary>Under the feed's lock, after a delivery that was taken: the reader stands behind it and waits again.</summary>
    internal void MoveBehind(long end)
    {
        // Caught up: what comes now is at most a hold old.
        _cursor = end;
        _isLate = false;
        _waiting = true;
    }

    /// <summary>Under the feed's lock, after a delivery: whether there is nothing to read or to be told, and it waits on. Else it is to be woken.</summary>
    internal bool WaitOn()
    {
        // A cancellation that came meanwhile found no waiter.
        _waiting = _cursor >= Limit && _metadata is null && !_disposed && !_feed.Ended && !_cancelled;
        return _waiting;
    }

    /// <param name="inline">Whether the waiter may run here: on a thread of the pool that holds no lock.</param>
    internal void Wake(bool inline = false)
    {
        // Whoever took the waiting flag is alone with the source until it has a result.
        _ready.RunContinuationsAsynchronously = !inline;
        if (_token.IsCancellationRequested)
        {
            _ready.SetException(new OperationCanceledException(_token));
            return;
        }

        _ready.SetResult(!_disposed && (_cursor < _feed.Head || !_feed.Ended));
    }

    private void Cancel(CancellationToken cancellationToken)
    {
        bool wake;
        lock (_feed.Gate)
        {
            // A registration that was taken back while it ran belongs to an earlier wait.
            var isMine = cancellationToken == _token;
            _cancelled |= isMine;
            wake = isMine && TakeWaiting();
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
            _isLate = false;
        }

        if (_cursor < _feed.Tail || (!SlowsPublisher && lag > (_isLate ? _lateLimit : _lagLimit)))
        {
            var target = _feed.JumpPoint(_cursor, out _needKeyframe);
            DroppedPackets += target - _cursor;
            _feed.NoteDropped(target - _cursor, jump: true);
            _cursor = target;

            // As at the start: a keyframe that is old already is no reason to jump again.
            BeginLate();
        }
    }

    private void BeginLate()
    {
        _isLate = true;
        _lateLimit = _lagLimit + LagLocked();
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
