using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Time;
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
internal sealed partial class ClientConnection : IAsyncDisposable
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
    private RtmpUrl? _reconnectUrl;
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
        Link = new RtmpLink(_reader, new PipeOutput(writer), pool, options, time, statistics);
        statistics.ConnectionOpened();
        _ticker = time.CreateBriefTicker(TickInterval, Tick);
    }

    private sealed record Ending(Reason Reason);

    public RtmpLink Link { get; }

    /// <summary>What the server said that it can take.</summary>
    public PeerCapabilities Peer { get; private set; } = PeerCapabilities.None;

    /// <summary>Where the server wants us to go; null while it wants nothing.</summary>
    public RtmpUrl? ReconnectUrl => Volatile.Read(ref _reconnectUrl);

    /// <summary>Added to the reason when the server just closes: what it may not have liked.</summary>
    public string Suspicion { get; set; } = "";

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
            var (status, message) = await ReadAsync();
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
                    End(new Reason(Reasons.TargetClosed, $"{_url} closed the connection{Suspicion}"));
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

    private void Take(RtmpCommand command)
    {
        if (command.Name == "onStatus" && command[1].AsObject is { } status)
        {
            var code = status["code"].AsString ?? "";
            if (IsRefusal(status))
            {
                End(Refused("stream", command).Reason);
            }
            else if (code == "NetConnection.Connect.ReconnectRequest")
            {
                Volatile.Write(ref _reconnectUrl, _url.Resolve(status["tcUrl"].AsString));
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
        return Failed(new Reason(Reasons.TargetRefused, $"{_url} refused {call}: {Shown(words)}"));
    }

    // For the log: a server's words neither fill it nor forge lines.
    private static string Shown(string words) => string.Concat(words.Take(300).Select(static character => char.IsControl(character) ? '?' : character));

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

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<(LinkStatus Status, RtmpMessage Message)> ReadAsync()
    {
        try
        {
            return await Link.ReadAsync();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw Broken(exception);
        }
    }

    private async ValueTask<(LinkStatus Status, ReadOnlySequence<byte> Bytes)> PeekAsync()
    {
        try
        {
            return await Link.PeekAsync(ClientHandshake.AnswerLength);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw Broken(exception);
        }
    }

    private RtmpException Broken(Exception exception) => new(Failed(new Reason(Reasons.TargetClosed, $"the connection to {_url} broke{Suspicion}")).Reason, exception);
}
