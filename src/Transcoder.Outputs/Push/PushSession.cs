using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Time;
using Transcoder.Rtmp.Clients;
using Transcoder.Streams;

namespace Transcoder.Outputs.Push;

public enum PushState
{
    Connecting,
    Publishing,

    /// <summary>Until the next attempt.</summary>
    Waiting,
    Ended,
}

/// <summary>One stream on its way to one target: connects, sends from a keyframe on, and tries again for as long as the stream lives.</summary>
public sealed partial class PushSession
{
    /// <summary>A connection that held this long was a good one: the next failure is a first one again.</summary>
    private static readonly TimeSpan Healthy = TimeSpan.FromSeconds(30);

    private readonly PushTarget _target;
    private readonly RtmpClient _client;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Lock _counters = new();
    private RtmpPublisher? _publisher;
    private Streams.Feeds.FeedReader? _reader;

    // Where the server sent us, for one attempt; the configured address after that.
    private RtmpUrl? _redirect;
    private long _bytesOfEnded;
    private long _droppedOfEnded;

    internal PushSession(LiveStream stream, PushTarget target, RtmpClient client, TimeProvider clock, ILogger log)
    {
        Stream = stream;
        _target = target;
        _client = client;
        _clock = clock;
        _log = log;
        Address = target.Display(stream.Name);
    }

    public LiveStream Stream { get; }

    /// <summary>Without secrets.</summary>
    public string Address { get; }

    public PushState State { get; private set; }

    /// <summary>Why the last connection or attempt ended; default before that.</summary>
    public Reason Reason { get; private set; }

    /// <summary>Connections that were made.</summary>
    public int Connections { get; private set; }

    public int FailedAttempts { get; private set; }

    public long BytesSent
    {
        get
        {
            lock (_counters)
            {
                return _bytesOfEnded + (_publisher?.BytesSent ?? 0);
            }
        }
    }

    public long DroppedPackets
    {
        get
        {
            lock (_counters)
            {
                return _droppedOfEnded + (_reader?.DroppedPackets ?? 0);
            }
        }
    }

    /// <summary>How far the target is behind.</summary>
    public MediaTime Lag => Volatile.Read(ref _reader)?.Lag ?? MediaTime.Zero;

    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested && Stream.EndReason.Code is null)
        {
            var started = _clock.GetTimestamp();
            State = PushState.Connecting;
            Reason = await ConnectAndSendAsync(cancellationToken).ConfigureAwait(false);
            if (Stream.EndReason.Code is not null || cancellationToken.IsCancellationRequested)
            {
                break;
            }

            failures = _clock.GetElapsedTime(started) > Healthy ? 1 : failures + 1;
            var wait = RetryDelay(failures);
            State = PushState.Waiting;
            LogRetry(Stream.Name, Address, Reason, wait.TotalSeconds);

            // Ends early when the stream does.
            await Stream.Feed.Completion.WaitAsync(wait, _clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        State = PushState.Ended;
    }

    private async Task<Reason> ConnectAndSendAsync(CancellationToken cancellationToken)
    {
        RtmpPublisher publisher;
        try
        {
            var url = _redirect ?? RtmpUrl.Parse(_target.Url(Stream.Name));
            _redirect = null;
            publisher = await _client.PublishAsync(url, cancellationToken).ConfigureAwait(false);
        }
        catch (RtmpException e)
        {
            FailedAttempts++;
            return e.Reason;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return new Reason(Reasons.Shutdown, "the appliance stops");
        }

        var opened = _clock.GetTimestamp();
        var handover = new PublisherHandover(_client, _clock);

        // Subscribed only now: the first picture that the target gets is the newest keyframe, not what waited for its answer.
        using var reader = Stream.Feed.Subscribe(MediaTime.FromTimeSpan(_target.Lag));
        using var source = new HandoverSource(reader, () => IsDue(handover));
        Reason reason;
        try
        {
            Follow(publisher, reader);
            LogOpened(Stream.Name, Address);
            reason = await publisher.RunAsync(source, cancellationToken).ConfigureAwait(false);
            while (source.IsStopped)
            {
                var next = handover.Take();
                await publisher.DisposeAsync().ConfigureAwait(false);
                publisher = next;
                Follow(publisher, reader);
                LogMoved(Stream.Name, Address);
                source.Resume();
                reason = await publisher.RunAsync(source, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            reason = new Reason(Reasons.Shutdown, "the appliance stops");
        }
        finally
        {
            _redirect = publisher.ReconnectUrl;
            Follow(null, null);
            await handover.DisposeAsync().ConfigureAwait(false);
            await publisher.DisposeAsync().ConfigureAwait(false);
        }

        LogEnded(Stream.Name, Address, reason, _clock.GetElapsedTime(opened).TotalSeconds, publisher.BytesSent, reader.DroppedPackets);
        return reason;
    }

    private bool IsDue(PublisherHandover handover)
    {
        if (_publisher is { } current)
        {
            handover.Watch(current);
        }

        return handover.IsReady;
    }

    // In one step, so that no scrape sees a connection's bytes twice or not at all: to Prometheus that is a restart.
    private void Follow(RtmpPublisher? publisher, Streams.Feeds.FeedReader? reader)
    {
        lock (_counters)
        {
            _bytesOfEnded += _publisher?.BytesSent ?? 0;
            _droppedOfEnded += ReferenceEquals(_reader, reader) ? 0 : _reader?.DroppedPackets ?? 0;
            _publisher = publisher;
            Volatile.Write(ref _reader, reader);
        }

        if (publisher is not null)
        {
            Connections++;
            State = PushState.Publishing;
        }
    }

    // Doubling, with up to a quarter of jitter: a target that comes back is not met by all its streams in one moment.
    private TimeSpan RetryDelay(int failures)
    {
        var doubled = _target.RetryMin.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 20));
        return TimeSpan.FromSeconds(Math.Min(doubled, _target.RetryMax.TotalSeconds) * (0.75 + (Random.Shared.NextDouble() / 4)));
    }

    [LoggerMessage(310, LogLevel.Information, "push of {Stream} to {Address} opened")]
    private partial void LogOpened(StreamName stream, string address);

    [LoggerMessage(311, LogLevel.Information, "push of {Stream} to {Address} ended: {Reason}; {Seconds:0.0} s, {Bytes} bytes, {Dropped} packets dropped")]
    private partial void LogEnded(StreamName stream, string address, Reason reason, double seconds, long bytes, long dropped);

    [LoggerMessage(313, LogLevel.Information, "push of {Stream} to {Address} went over to a new connection, as the target asked")]
    private partial void LogMoved(StreamName stream, string address);

    [LoggerMessage(312, LogLevel.Warning, "push of {Stream} to {Address}: {Reason}; next try in {Seconds:0.0} s")]
    private partial void LogRetry(StreamName stream, string address, Reason reason, double seconds);
}
