using System.Buffers;
using System.IO.Pipelines;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Clients;

/// <summary>
/// A client's connection from handshake to its one recorded reason: the first of what the server said, what broke, and what ran out of time.
/// Servers differ in what they announce, so only the answers to our own calls are waited for.
/// </summary>
internal sealed class ClientConnection : IAsyncDisposable
{
    // Larger than the pipe's default of 4 KiB, which would cost a system call per packet.
    private const int ReadSize = 64 << 10;
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private readonly RtmpUrl _url;
    private readonly Stream _stream;
    private readonly RtmpOptions _options;
    private readonly RtmpStatistics _statistics;
    private readonly TimeProvider _time;
    private readonly PipeReader _reader;
    private readonly ITimer _ticker;
    private readonly CancellationTokenSource _closed = new();
    private Ending? _end;
    private RtmpMessage? _early;
    private double _transaction;
    private bool _disposed;

    public ClientConnection(RtmpUrl url, Stream stream, MediaBufferPool pool, RtmpOptions options, RtmpStatistics statistics, TimeProvider time)
    {
        _url = url;
        _stream = stream;
        _options = options;
        _statistics = statistics;
        _time = time;
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: ReadSize, minimumReadSize: ReadSize / 4, leaveOpen: true));
        var writer = PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: ReadSize, leaveOpen: true));
        Link = new RtmpLink(new Duplex(_reader, writer), pool, options, time, statistics);
        statistics.ConnectionOpened();
        _ticker = time.CreateTimer(static state => ((ClientConnection)state!).Tick(), this, TickInterval, TickInterval);
    }

    private sealed record Ending(Reason Reason);

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    public RtmpLink Link { get; }

    /// <summary>Cancelled when the connection has ended.</summary>
    public CancellationToken Closed => _closed.Token;

    public Reason EndReason => Volatile.Read(ref _end)?.Reason ?? default;

    /// <summary>Ends the connection when the server is silent: for players.</summary>
    public bool ExpectsMedia { get; set; }

    public void End(Reason reason)
    {
        if (Interlocked.CompareExchange(ref _end, new Ending(reason), null) is null)
        {
            _ = _closed.CancelAsync();
            Link.Interrupt();
        }
    }

    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        using (Deadline(_options.HandshakeTimeout, "the handshake", cancellationToken))
        {
            var output = new ArrayBufferWriter<byte>(Handshake.PacketLength + 1);
            ClientHandshake.Begin(output);
            Link.Writer.Send(output.WrittenSpan);
            var (status, bytes) = await GuardedAsync(() => Link.PeekAsync(ClientHandshake.AnswerLength));
            ThrowUnlessMessage(status, cancellationToken);
            output.ResetWrittenCount();
            if (!ClientHandshake.Finish(bytes, output))
            {
                throw Failed(new Reason(Reasons.TargetRefused, $"{_url} does not speak RTMP"));
            }

            Link.Skip(bytes.Slice(ClientHandshake.AnswerLength));
            Link.Writer.Send(output.WrittenSpan);
        }

        await CallAsync(
            0,
            "connect",
            amf => amf.BeginObject()
                .Property("app", _url.App)
                .Property("type", "nonprivate")
                .Property("flashVer", "FMLE/3.0 (compatible; Transcoder)")
                .Property("tcUrl", _url.TcUrl)
                .Property("fpad", false)
                .Property("capabilities", 15)
                .Property("audioCodecs", 4071)
                .Property("videoCodecs", 252)
                .Property("videoFunction", 1)
                .Property("objectEncoding", 0)
                .Name("fourCcList").Value(AmfValue.Of([.. FourCcs.Select(AmfValue.Of)]))
                .End(),
            cancellationToken);
    }

    /// <returns>The message stream.</returns>
    public async Task<uint> BeginPublishAsync(CancellationToken cancellationToken)
    {
        // Answers to these two differ from server to server and are not waited for.
        Link.Send(Link.NewBatch()
            .Command(0, amf => amf.String("releaseStream").Number(++_transaction).Null().String(_url.Stream))
            .Command(0, amf => amf.String("FCPublish").Number(++_transaction).Null().String(_url.Stream)));
        var streamId = await CreateStreamAsync(cancellationToken);
        Link.Send(Link.NewBatch()
            .Command(streamId, amf => amf.String("publish").Number(++_transaction).Null().String(_url.Stream).String("live"))
            .SetChunkSize(_options.ChunkSize));
        await AwaitStatusAsync("NetStream.Publish.Start", "publish", cancellationToken);
        return streamId;
    }

    public async Task BeginPlayAsync(CancellationToken cancellationToken)
    {
        Link.Send(Link.NewBatch().WindowAcknowledgementSize(_options.WindowSize));
        var streamId = await CreateStreamAsync(cancellationToken);
        Link.Send(Link.NewBatch()
            .Command(streamId, amf => amf.String("play").Number(++_transaction).Null().String(_url.Stream).Number(-2000))
            .SetBufferLength(streamId, 3000));
        await AwaitStatusAsync("NetStream.Play.Start", "play", cancellationToken);
        ExpectsMedia = true;
    }

    /// <summary>Queues the goodbye; <see cref="DisposeAsync"/> lets it leave.</summary>
    public void SayUnpublish(uint streamId) =>
        Link.Send(Link.NewBatch()
            .Command(0, amf => amf.String("FCUnpublish").Number(++_transaction).Null().String(_url.Stream))
            .Command(0, amf => amf.String("deleteStream").Number(++_transaction).Null().Number(streamId)));

    /// <summary>The next audio, video or data message, owned by the caller; null once the connection has ended. Commands are handled inside.</summary>
    public async ValueTask<RtmpMessage?> ReadMediaAsync()
    {
        if (_early is { } early)
        {
            _early = null;
            return early;
        }

        while (_end is null)
        {
            var (status, message) = await GuardedAsync(() => Link.ReadAsync());
            switch (status)
            {
                case LinkStatus.Message when message.Type is MessageType.Audio or MessageType.Video or MessageType.DataAmf0 or MessageType.DataAmf3:
                    return message;
                case LinkStatus.Message:
                    var command = CommandOf(message);
                    message.Buffer.Release();
                    if (command is not null)
                    {
                        Take(command);
                    }

                    break;
                case LinkStatus.Failed:
                    End(Link.Failure);
                    break;
                case LinkStatus.Ended:
                    End(new Reason(Reasons.TargetClosed, $"{_url} closed the connection"));
                    break;
            }
        }

        return null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        End(new Reason(Reasons.ClientClosed, "we closed the connection"));
        await _ticker.DisposeAsync();
        try
        {
            await Link.Writer.CloseAsync(FarewellTimeout);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The server is gone already; there was only a goodbye left to say.
        }

        await _stream.DisposeAsync();
        _early?.Buffer.Release();
        _early = null;
        Link.Dispose();
        await _reader.CompleteAsync();
        _closed.Dispose();
        _statistics.ConnectionClosed(EndReason.Code);
    }

    // What we may send in FourCC mode has to be declared in connect (E-RTMP v2, "Enhancing NetConnection connect Command").
    private static readonly string[] FourCcs = ["av01", "hvc1", "vp09", "vp08", "avc1", "Opus", "fLaC", "ac-3", "ec-3", ".mp3", "mp4a"];

    private async Task<uint> CreateStreamAsync(CancellationToken cancellationToken)
    {
        var result = await CallAsync(0, "createStream", static amf => amf.Null(), cancellationToken);
        return result[1].AsNumber is >= 0 and <= uint.MaxValue and { } id
            ? (uint)id
            : throw Failed(new Reason(Reasons.TargetRefused, $"{_url} answered createStream without a number"));
    }

    private async Task<RtmpCommand> CallAsync(uint streamId, string name, Action<Amf0Writer> arguments, CancellationToken cancellationToken)
    {
        var transaction = ++_transaction;
        Link.Send(Link.NewBatch().Command(streamId, amf => arguments(amf.String(name).Number(transaction))));
        using var deadline = Deadline(_options.CommandTimeout, name, cancellationToken);
        while (true)
        {
            var command = await NextCommandAsync(keepMedia: false, cancellationToken);
            if (command is { Name: "_result" } && command.TransactionId == transaction)
            {
                return command;
            }

            if (command is { Name: "_error" } && command.TransactionId == transaction)
            {
                throw Refused(name, command);
            }
        }
    }

    private async Task AwaitStatusAsync(string code, string call, CancellationToken cancellationToken)
    {
        using var deadline = Deadline(_options.CommandTimeout, call, cancellationToken);
        while (true)
        {
            var command = await NextCommandAsync(keepMedia: call == "play", cancellationToken);
            if (command is null)
            {
                return;
            }

            if (command.Name == "_error" && command.TransactionId == _transaction)
            {
                throw Refused(call, command);
            }

            if (command.Name == "onStatus" && command[1].AsObject is { } status)
            {
                if (status["code"].AsString == code)
                {
                    return;
                }

                if (IsRefusal(status))
                {
                    throw Refused(call, command);
                }
            }
        }
    }

    /// <returns>Null when media came first and were kept, which some servers do.</returns>
    private async Task<RtmpCommand?> NextCommandAsync(bool keepMedia, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (status, message) = await GuardedAsync(() => Link.ReadAsync());
            ThrowUnlessMessage(status, cancellationToken);
            if (keepMedia && message.Type is (MessageType.Audio or MessageType.Video))
            {
                _early = message;
                return null;
            }

            var command = CommandOf(message);
            message.Buffer.Release();
            if (command is not null)
            {
                return command;
            }
        }
    }

    private void Take(RtmpCommand command)
    {
        if (command.Name == "onStatus" && command[1].AsObject is { } status)
        {
            var code = status["code"].AsString ?? "";
            if (IsRefusal(status))
            {
                End(Refused("stream", command).Reason);
            }
            else if (code is "NetStream.Play.UnpublishNotify" or "NetStream.Play.Stop" or "NetConnection.Connect.Closed")
            {
                End(new Reason(Reasons.TargetClosed, $"{_url} said {code}"));
            }
        }
        else if (command.Name == "close")
        {
            End(new Reason(Reasons.TargetClosed, $"{_url} asked to close"));
        }
    }

    private void Tick()
    {
        if (Link.Writer.Stalled > _options.WriteTimeout)
        {
            End(new Reason(Reasons.TargetTimeout, $"{_url} took no bytes for {_options.WriteTimeout.TotalSeconds:0} s"));

            // The write under way ends only with its socket.
            _stream.Dispose();
        }
        else if (ExpectsMedia && Link.Silence > _options.IdleTimeout)
        {
            End(new Reason(Reasons.TargetTimeout, $"{_url} sent nothing for {_options.IdleTimeout.TotalSeconds:0} s"));
        }
    }

    private static bool IsRefusal(AmfObject status) =>
        status["level"].AsString == "error" ||
        status["code"].AsString is "NetStream.Publish.BadName" or "NetStream.Play.StreamNotFound" or "NetStream.Play.Failed" or "NetConnection.Connect.Rejected";

    private static RtmpCommand? CommandOf(RtmpMessage message) =>
        message.Type is MessageType.CommandAmf0 or MessageType.CommandAmf3 ? RtmpCommand.TryParse(message.Type, message.Body) : null;

    private RtmpException Refused(string call, RtmpCommand answer)
    {
        var status = answer[1].AsObject ?? answer[0].AsObject;
        var words = _url.Redact($"{status?["code"].AsString} {status?["description"].AsString}".Trim());
        return Failed(new Reason(Reasons.TargetRefused, $"{_url} refused {call}: {words}"));
    }

    private RtmpException Failed(Reason reason)
    {
        End(reason);
        return new RtmpException(EndReason);
    }

    private void ThrowUnlessMessage(LinkStatus status, CancellationToken cancellationToken)
    {
        switch (status)
        {
            case LinkStatus.Ended:
                throw Failed(new Reason(Reasons.TargetClosed, $"{_url} closed the connection"));
            case LinkStatus.Failed:
                throw Failed(Link.Failure);
            case LinkStatus.Interrupted:
                cancellationToken.ThrowIfCancellationRequested();
                throw new RtmpException(EndReason);
        }
    }

    private async ValueTask<T> GuardedAsync<T>(Func<ValueTask<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw new RtmpException(Failed(new Reason(Reasons.TargetClosed, $"the connection to {_url} broke")).Reason, exception);
        }
    }

    private DeadlineScope Deadline(TimeSpan after, string what, CancellationToken cancellationToken)
    {
        var timer = new CancellationTokenSource(after, _time);
        var timeout = timer.Token.Register(() => End(new Reason(Reasons.TargetTimeout, $"{_url} did not answer {what} in {after.TotalSeconds:0} s")));
        var cancelled = cancellationToken.Register(() => End(new Reason(Reasons.ClientClosed, "we gave up")));
        return new DeadlineScope(timer, timeout, cancelled);
    }

    private readonly record struct DeadlineScope(CancellationTokenSource Timer, CancellationTokenRegistration Timeout, CancellationTokenRegistration Cancelled)
        : IDisposable
    {
        public void Dispose()
        {
            Timeout.Dispose();
            Cancelled.Dispose();
            Timer.Dispose();
        }
    }
}
