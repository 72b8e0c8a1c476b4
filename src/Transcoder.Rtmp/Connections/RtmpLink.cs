using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Connections;

internal enum LinkStatus
{
    Message,

    /// <summary>What has arrived holds no further message.</summary>
    Empty,

    /// <summary>There is more to be read.</summary>
    Arrived,

    /// <summary>The peer closed its side.</summary>
    Ended,

    /// <summary><see cref="RtmpLink.Interrupt"/> was called.</summary>
    Interrupted,

    /// <summary>See <see cref="RtmpLink.Failure"/>.</summary>
    Failed,
}

/// <summary>
/// What server and client have in common on one connection: bytes to messages and back, acknowledgement both ways, bandwidth and ping answers.
/// One reader; sending is safe from any thread.
/// </summary>
internal sealed class RtmpLink : IDisposable
{
    // An end that comes meanwhile waits no longer than this.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    private readonly PipeReader _input;
    private readonly ChunkReader _chunks;
    private readonly AggregateReader _aggregate;
    private readonly TimeProvider _time;
    private readonly RtmpStatistics _statistics;
    private ReadOnlySequence<byte> _unread;
    private bool _reading;
    private bool _inputEnded;
    private long _received;
    private long _acknowledged;
    private long _window;
    private long _lastReceived;
    private uint _announcedWindow;
    private bool _hardLimit;
    private volatile bool _interrupted;
    private TimeSpan _pause;

    public RtmpLink(PipeReader input, IConnectionOutput output, MediaBufferPool pool, RtmpOptions options, TimeProvider time, RtmpStatistics statistics)
    {
        _input = input;
        _chunks = new ChunkReader(pool, options.ChunkLimits);
        _aggregate = new AggregateReader(pool);
        _time = time;
        _statistics = statistics;
        _window = options.WindowSize;
        _lastReceived = time.GetTimestamp();
        Writer = new ConnectionWriter(output, time, statistics, options.MaxQueuedAnswers);
    }

    public ConnectionWriter Writer { get; }

    /// <summary>Says when the peer sends more than it may; null: never.</summary>
    public IConnectionLease? Lease { get; init; }

    public int OutgoingChunkSize { get; private set; } = ChunkReader.DefaultChunkSize;

    public long BytesReceived => Interlocked.Read(ref _received);

    /// <summary>What the peer may make us hold; the options' limits, unless the session says otherwise.</summary>
    public ChunkLimits Limits
    {
        get => _chunks.Limits;
        set => _chunks.Limits = value;
    }

    /// <summary>How long nothing has come.</summary>
    public TimeSpan Silence => _time.GetElapsedTime(Interlocked.Read(ref _lastReceived));

    /// <summary>Bytes that the peer says it has received; it may never say so.</summary>
    public uint PeerAcknowledged { get; private set; }

    /// <summary>Set with <see cref="LinkStatus.Failed"/>.</summary>
    public Reason Failure { get; private set; }

    public MessageBatch NewBatch() => new(OutgoingChunkSize);

    /// <returns>False when the peer asks and does not read.</returns>
    public bool Send(MessageBatch batch)
    {
        if (batch.ChangesChunkSize)
        {
            OutgoingChunkSize = batch.ChunkSize;
        }

        if (batch.Window > 0)
        {
            _announcedWindow = (uint)batch.Window;
        }

        return Writer.Send(batch.Bytes);
    }

    /// <summary>Makes the read under way, or the next one, return at once. From any thread.</summary>
    public void Interrupt()
    {
        _interrupted = true;
        _input.CancelPendingRead();
    }

    /// <summary>Waits until at least <paramref name="minimum"/> bytes are there; for the handshake.</summary>
    public async ValueTask<(LinkStatus Status, ReadOnlySequence<byte> Bytes)> PeekAsync(int minimum)
    {
        while (_unread.Length < minimum)
        {
            var status = await FillAsync();
            if (status != LinkStatus.Arrived)
            {
                return (status, _unread);
            }
        }

        return (LinkStatus.Arrived, _unread);
    }

    /// <summary>Says how much of what was peeked at has been used.</summary>
    public void Skip(ReadOnlySequence<byte> rest) => _unread = rest;

    /// <summary>The next message that is not protocol control; on <see cref="LinkStatus.Message"/> its block is the caller's.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<(LinkStatus Status, RtmpMessage Message)> ReadAsync()
    {
        while (true)
        {
            var status = Read(out var message);
            if (status == LinkStatus.Empty)
            {
                status = await FillAsync();
            }

            if (status != LinkStatus.Arrived)
            {
                return (status, message);
            }
        }
    }

    /// <summary>As <see cref="ReadAsync"/>, from what has arrived: where it is <see cref="LinkStatus.Empty"/>, <see cref="FillAsync"/> waits for more.</summary>
    public LinkStatus Read(out RtmpMessage message)
    {
        while (true)
        {
            // Control messages have no business in an aggregate: they act on the connection, not at a time.
            while (_aggregate.TryRead(out message))
            {
                if (message.Type is MessageType.Audio or MessageType.Video or MessageType.DataAmf0 or MessageType.DataAmf3)
                {
                    return LinkStatus.Message;
                }

                message.Buffer.Release();
            }

            switch (_chunks.Read(ref _unread, out message))
            {
                case ChunkReadResult.Message when message.Type == MessageType.Aggregate:
                    _aggregate.Begin(message);
                    break;
                case ChunkReadResult.Message:
                    if (!IsControl(message))
                    {
                        return LinkStatus.Message;
                    }

                    var handled = HandleControl(message.Type, message.Body);
                    message.Buffer.Release();
                    if (!handled)
                    {
                        return LinkStatus.Failed;
                    }

                    break;
                case ChunkReadResult.Malformed:
                    Failure = new Reason(Reasons.ProtocolError, _chunks.Problem);
                    return LinkStatus.Failed;
                case ChunkReadResult.LimitExceeded:
                    Failure = new Reason(Reasons.LimitExceeded, _chunks.Problem);
                    return LinkStatus.Failed;
                default:
                    // Before waiting, not after: a peer may be waiting for this.
                    return Acknowledge() ? LinkStatus.Empty : LinkStatus.Failed;
            }
        }
    }

    /// <summary>Waits until more has arrived: <see cref="LinkStatus.Arrived"/>, unless the link was interrupted or has ended.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<LinkStatus> FillAsync()
    {
        if (_inputEnded)
        {
            return LinkStatus.Ended;
        }

        var left = _unread.Length;
        Release(examined: true);

        // What is not read fills the socket's buffer, and TCP slows the peer.
        while (_pause > TimeSpan.Zero && !_interrupted)
        {
            var part = _pause < LongestPause ? _pause : LongestPause;
            _pause -= part;
            await Task.Delay(part, _time);
        }

        var result = await _input.ReadAsync(CancellationToken.None);
        _reading = true;
        _unread = result.Buffer;
        _inputEnded = result.IsCompleted;
        if (result.IsCanceled)
        {
            return LinkStatus.Interrupted;
        }

        var arrived = _unread.Length - left;
        if (arrived == 0)
        {
            return _inputEnded ? LinkStatus.Ended : LinkStatus.Arrived;
        }

        Interlocked.Exchange(ref _lastReceived, _time.GetTimestamp());
        Interlocked.Add(ref _received, arrived);
        _statistics.Received(arrived);
        _pause = Lease?.Received(arrived) ?? TimeSpan.Zero;
        return LinkStatus.Arrived;
    }

    /// <summary>Gives back what was read and half assembled. The pipe itself belongs to who opened it.</summary>
    public void Dispose()
    {
        Release(examined: false);
        _aggregate.Dispose();
        _chunks.Dispose();
    }

    private static bool IsControl(in RtmpMessage message) =>
        message.Type is MessageType.Acknowledgement or MessageType.UserControl or MessageType.WindowAcknowledgementSize or MessageType.SetPeerBandwidth;

    private void Release(bool examined)
    {
        if (_reading)
        {
            _reading = false;
            _input.AdvanceTo(_unread.Start, examined ? _unread.End : _unread.Start);
            _unread = default;
        }
    }

    private bool HandleControl(MessageType type, ReadOnlySpan<byte> body)
    {
        // Cameras send control messages of their own making: what is too short or unknown is skipped.
        if (body.Length < 4)
        {
            return true;
        }

        var value = BinaryPrimitives.ReadUInt32BigEndian(body);
        switch (type)
        {
            case MessageType.Acknowledgement:
                PeerAcknowledged = value;
                return true;
            case MessageType.WindowAcknowledgementSize:
                _window = value is 0 or > int.MaxValue ? _window : value;
                return true;
            case MessageType.SetPeerBandwidth:
                return TakePeerBandwidth(value, body.Length > 4 ? (BandwidthLimit)body[4] : BandwidthLimit.Dynamic);
            case MessageType.UserControl when body.Length >= 6 && value >> 16 == (uint)UserControlEvent.PingRequest:
                return Answer(NewBatch().UserControl(UserControlEvent.PingResponse, BinaryPrimitives.ReadUInt32BigEndian(body[2..])));
            default:
                return true;
        }
    }

    /// <summary>§5.4.5: what changes is how often the peer acknowledges us, so it is told the window unless it knows it.</summary>
    private bool TakePeerBandwidth(uint size, BandwidthLimit limit)
    {
        if (size == 0 || (limit == BandwidthLimit.Dynamic && !_hardLimit && _announcedWindow > 0))
        {
            return true;
        }

        _hardLimit = limit != BandwidthLimit.Soft;
        var window = Math.Min(size, int.MaxValue);
        if (limit == BandwidthLimit.Soft && _announcedWindow > 0)
        {
            window = Math.Min(window, _announcedWindow);
        }

        if (window == _announcedWindow)
        {
            return true;
        }

        return Answer(NewBatch().WindowAcknowledgementSize((int)window));
    }

    private bool Acknowledge()
    {
        // Half a window early: GStreamer's sink stalls when a whole one is outstanding.
        if (_received - _acknowledged < Math.Max(_window / 2, 1))
        {
            return true;
        }

        _acknowledged = _received;
        return Answer(NewBatch().Acknowledgement(unchecked((uint)_received)));
    }

    private bool Answer(MessageBatch batch)
    {
        if (Send(batch))
        {
            return true;
        }

        Failure = new Reason(Reasons.LimitExceeded, "the peer sends and does not read the answers");
        return false;
    }
}
