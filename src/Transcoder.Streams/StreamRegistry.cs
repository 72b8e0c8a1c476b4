using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Ingest;

namespace Transcoder.Streams;

/// <summary>Every live stream by name: who may publish where, who watches what, and when a source ends.</summary>
public sealed partial class StreamRegistry : IDisposable
{
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(250);
    private static readonly Reason Closing = new(Reasons.Shutdown, "the appliance stops");

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, LiveStream> _streams = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SourceStream> _sources = new(StringComparer.Ordinal);
    private readonly Func<string, AppPolicy?> _policyOf;
    private readonly IAccessAuthorizer _authorizer;
    private readonly TimeProvider _clock;
    private readonly ILogger<StreamRegistry> _log;
    private readonly ITimer _ticker;

    // Completed and replaced whenever a stream opens, so that a player's wait costs one shared object.
    private TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Set before anything ends: nobody begins any more.
    private volatile bool _isClosing;

    /// <param name="policyOf">The policy of an application now, or null when there is no such application.</param>
    public StreamRegistry(Func<string, AppPolicy?> policyOf, IAccessAuthorizer authorizer, TimeProvider clock, ILogger<StreamRegistry> log)
    {
        _policyOf = policyOf;
        _authorizer = authorizer;
        _clock = clock;
        _log = log;
        _ticker = clock.CreateBriefTicker(TickInterval, Tick);
    }

    /// <summary>A source began: its ladder and its outputs attach here. Handlers must not block.</summary>
    public event Action<SourceStream>? SourceOpened;

    /// <summary>A live stream, source or rendition, can be watched from now on.</summary>
    public event Action<LiveStream>? StreamOpened;

    public IEnumerable<SourceStream> Sources => _sources.Values;

    public IEnumerable<LiveStream> Streams => _streams.Values;

    public bool IsClosing => _isClosing;

    public LiveStream? Find(string app, string stream) => _streams.GetValueOrDefault(Path(app, stream));

    /// <summary>Why nobody may begin anything in the application, or null.</summary>
    /// <param name="app">As a client cut it: parts of the stream's name may be behind it.</param>
    public Reason? WhyClosed(string app) => WhyClosed(Resolve(app, "").App, out _);

    /// <summary>Gives a publisher its turn, or says why not.</summary>
    public async ValueTask<(IPacketSink? Sink, Reason Refusal)> PublishAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        request = Resolve(request);
        if (WhyClosed(request.App, out var policy) is { } closed)
        {
            return (null, closed);
        }

        if (!StreamName.IsValid(request.Stream))
        {
            return (null, new Reason(Reasons.BadName, "a stream name has letters, digits and -_.~+@/=: only"));
        }

        request = request with { Action = AccessAction.Publish };
        if (await _authorizer.AuthorizeAsync(request, cancellationToken).ConfigureAwait(false) is { } refusal)
        {
            return (null, refusal);
        }

        var answer = Attach(request, policy);
        return answer.Sink is null ? (null, Unused(request, answer.Refusal)) : answer;
    }

    /// <summary>A subscriber of the stream, at once or when it opens within the application's waiting time.</summary>
    public async ValueTask<(IPacketSource? Source, Reason Refusal)> PlayAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        request = Resolve(request);
        if (WhyClosed(request.App, out var policy) is { } closed)
        {
            return (null, closed);
        }

        // Before the stream is looked for: who may not play learns nothing about what is live.
        request = request with { Action = AccessAction.Play };
        if (await _authorizer.AuthorizeAsync(request, cancellationToken).ConfigureAwait(false) is { } refusal)
        {
            return (null, refusal);
        }

        var deadline = _clock.GetTimestamp() + (long)(policy.PlayWait.TotalSeconds * _clock.TimestampFrequency);
        while (true)
        {
            var opened = Volatile.Read(ref _opened);
            if (Find(request.App, request.Stream) is { } stream)
            {
                return (stream.Feed.Subscribe(), default);
            }

            var left = _clock.GetElapsedTime(_clock.GetTimestamp(), deadline);
            if (left <= TimeSpan.Zero || _isClosing)
            {
                return (null, Unused(request, _isClosing ? Closing : new Reason(Reasons.StreamNotFound, $"{request.App}/{request.Stream} is not live")));
            }

            try
            {
                await opened.Task.WaitAsync(left, _clock, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // Looked up once more above, then refused.
            }
            catch (OperationCanceledException)
            {
                Unused(request, new Reason(Reasons.ClientClosed, "the player left before the stream opened"));
                throw;
            }
        }
    }

    /// <summary>The live streams of the same source that every player reads, in H.264 with AAC or MP3: for one that asked for another codec.</summary>
    public IReadOnlyList<string> LegacyNames(string app, string stream)
    {
        (app, stream) = Resolve(app, stream);
        return Find(app, stream) is not { } asked
            ? []
            : [.. Streams.Where(s => s.Name.App == app && s.Name.Source == asked.Name.Source &&
                s.Video is { Codec: CodecId.H264 } && s.Audio is null or { Codec: CodecId.Aac or CodecId.Mp3 }).Select(s => s.Name.ToString()).Order(StringComparer.Ordinal)];
    }

    /// <summary>
    /// Adds a rendition's stream; refused when the name is taken. The same rendition of the same source under this name is one whose source has ended
    /// and which still drains: it keeps its subscribers, and new ones get the new stream.
    /// </summary>
    public LiveStream? OpenRendition(StreamName name, AppPolicy policy)
    {
        var stream = new LiveStream(name, policy.Limits, _clock);
        lock (_gate)
        {
            var path = Path(name.App, name.Stream);
            if (_isClosing || (_streams.TryGetValue(path, out var taken) && taken.Name != name))
            {
                return null;
            }

            _streams[path] = stream;
        }

        Opened(stream);
        return stream;
    }

    /// <summary>Ends a stream's feed with the reason and takes it off the list; its outputs read what is left and close.</summary>
    public void Close(LiveStream stream, Reason reason)
    {
        stream.Feed.Complete(reason);
        _streams.TryRemove(new KeyValuePair<string, LiveStream>(Path(stream.Name.App, stream.Name.Stream), stream));
    }

    /// <summary>From now on nobody begins, and a publisher that is lost is not waited for. What runs goes on.</summary>
    public void Drain()
    {
        lock (_gate)
        {
            _isClosing = true;
        }

        // Players that wait for a stream get their answer.
        WakeWaiting();
    }

    /// <summary>Ends every source, politely: transcoders drain, outputs close. No new stream opens after this.</summary>
    public void Shutdown()
    {
        Drain();
        foreach (var source in _sources.Values)
        {
            source.ClosePublisher(Closing);
            EndSource(source, Closing);
        }
    }

    public void Dispose() => _ticker.Dispose();

    private AccessRequest Resolve(AccessRequest request)
    {
        var (app, stream) = Resolve(request.App, request.Stream);
        return request with { App = app, Stream = stream };
    }

    /// <summary>Clients cut a long path at different places: rtmp://h/live/a/b is live and a/b to one, live/a and b to another. The configured application decides.</summary>
    private (string App, string Stream) Resolve(string app, string stream)
    {
        for (var end = app.Length; end > 0; end = app.LastIndexOf('/', end - 1))
        {
            if (_policyOf(app[..end]) is not null)
            {
                return end == app.Length ? (app, stream) : (app[..end], $"{app[(end + 1)..]}/{stream}");
            }
        }

        return (app, stream);
    }

    private static string Path(string app, string stream) => $"{app}/{stream}";

    private (IPacketSink? Sink, Reason Refusal) Attach(AccessRequest request, AppPolicy policy)
    {
        SourceStream source;
        Publication? publication;
        var opened = false;
        lock (_gate)
        {
            if (_isClosing)
            {
                return (null, Closing);
            }

            var path = Path(request.App, request.Stream);
            if (!_sources.TryGetValue(path, out source!))
            {
                var live = new LiveStream(StreamName.ForSource(request.App, request.Stream), policy.Limits, _clock);
                if (!_streams.TryAdd(path, live))
                {
                    return (null, new Reason(Reasons.RenditionName, $"{path} is a rendition of another stream"));
                }

                source = new SourceStream(live, policy, _clock);
                _sources[path] = source;
                opened = true;
            }

            publication = source.TryAttach(request.RemoteAddress, OnPublisherLeft);
        }

        if (publication is null)
        {
            return (null, new Reason(Reasons.StreamBusy, $"{source.RemoteAddress} publishes this stream"));
        }

        if (opened)
        {
            LogSourceOpened(source.Live.Name, request.RemoteAddress, policy.Ladder.Count);
            Opened(source.Live);
            SourceOpened?.Invoke(source);
        }
        else
        {
            LogPublisherBack(source.Live.Name, request.RemoteAddress);
        }

        return (publication, default);
    }

    private void Opened(LiveStream stream)
    {
        StreamOpened?.Invoke(stream);
        WakeWaiting();
    }

    private void WakeWaiting() =>
        Interlocked.Exchange(ref _opened, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private Reason? WhyClosed(string app, out AppPolicy policy)
    {
        policy = _policyOf(app)!;
        return _isClosing ? Closing : policy is null ? new Reason(Reasons.UnknownApp, $"no application '{SecretRedaction.Redact(app)}' in the configuration") : null;
    }

    /// <summary>Who was admitted has nothing of it.</summary>
    private Reason Unused(AccessRequest request, Reason reason)
    {
        _authorizer.Unused(request, reason);
        return reason;
    }

    private void OnPublisherLeft(SourceStream source, Reason reason)
    {
        if (reason.Code is Reasons.Unpublished or Reasons.Shutdown || _isClosing || source.Policy.ReconnectGrace <= TimeSpan.Zero)
        {
            EndSource(source, reason);
        }
        else
        {
            LogPublisherLost(source.Live.Name, reason, source.Policy.ReconnectGrace.TotalSeconds);
        }
    }

    private void Tick()
    {
        foreach (var (_, stream) in _streams)
        {
            stream.Feed.Tick();
        }

        foreach (var (_, source) in _sources)
        {
            if (source.GraceIsOver())
            {
                EndSource(source, new Reason(Reasons.PublisherGone, $"no publisher for {source.Policy.ReconnectGrace.TotalSeconds:0.#} s after {source.LostReason}"));
            }
        }
    }

    private void EndSource(SourceStream source, Reason reason)
    {
        lock (_gate)
        {
            // A publisher may have come back since the decision.
            var path = Path(source.Live.Name.App, source.Live.Name.Stream);
            if (source.HasPublisher || !_sources.TryRemove(new KeyValuePair<string, SourceStream>(path, source)))
            {
                return;
            }

            // Both lists at once: a publisher that comes in between would be told that the name is a rendition's.
            _streams.TryRemove(new KeyValuePair<string, LiveStream>(path, source.Live));
        }

        var live = source.Live;
        Close(live, reason);
        LogSourceEnded(live.Name, reason, live.Age.TotalSeconds, live.Meter.VideoPackets, live.Meter.AudioPackets, live.Meter.TotalBytes);
    }

    [LoggerMessage(200, LogLevel.Information, "stream {Stream} opened: published from {Address}, {Renditions} renditions in its ladder")]
    private partial void LogSourceOpened(StreamName stream, string address, int renditions);

    [LoggerMessage(201, LogLevel.Information, "stream {Stream} continues: published again from {Address}")]
    private partial void LogPublisherBack(StreamName stream, string address);

    [LoggerMessage(202, LogLevel.Warning, "stream {Stream} lost its publisher ({Reason}); it has {Grace} s to come back")]
    private partial void LogPublisherLost(StreamName stream, Reason reason, double grace);

    [LoggerMessage(203, LogLevel.Information, "stream {Stream} ended: {Reason}; {Seconds:0.0} s, {Video} video and {Audio} audio packets, {Bytes} bytes")]
    private partial void LogSourceEnded(StreamName stream, Reason reason, double seconds, long video, long audio, long bytes);
}
