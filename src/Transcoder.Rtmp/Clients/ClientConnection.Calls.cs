using System.Buffers;
using System.Security.Cryptography;
using Transcoder.Media;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Clients;

/// <content>The way from a new byte stream to a published or played stream: handshake and calls, each with its deadline.</content>
internal sealed partial class ClientConnection
{
    // Seeks to a picture, HDR, Metadata packets: none of it disturbs who only passes media on.
    private const int VideoFunction = 1 | 2 | 4;

    /// <param name="query">What the server asked for when it refused the last connection; behind the application's name.</param>
    /// <returns>Null when the connection is open; else where and with which query to try again, once this one is disposed of.</returns>
    public async Task<(RtmpUrl Url, string Query)?> OpenAsync(string query, CancellationToken cancellationToken)
    {
        using (Deadline(_options.HandshakeTimeout, "the handshake", cancellationToken))
        {
            var output = new ArrayBufferWriter<byte>(Handshake.PacketLength + 1);
            ClientHandshake.Begin(output);
            Link.Writer.Send(output.WrittenSpan);
            var (status, bytes) = await PeekAsync();
            ThrowUnlessMessage(status, cancellationToken);
            output.ResetWrittenCount();
            if (!ClientHandshake.Finish(bytes, output))
            {
                throw Failed(new Reason(Reasons.TargetRefused, $"{_url} does not speak RTMP"));
            }

            Link.Skip(bytes.Slice(ClientHandshake.AnswerLength));
            Link.Writer.Send(output.WrittenSpan);
        }

        var answer = await CallAsync(
            0,
            "connect",
            amf => PeerCapabilities.WriteOurs(amf.BeginObject()
                .Property("app", _url.App + query)
                .Property("type", "nonprivate")
                .Property("flashVer", "FMLE/3.0 (compatible; Transcoder)")
                .Property("tcUrl", _url.TcUrl + query)
                .Property("fpad", false)
                .Property("capabilities", 15)
                .Property("audioCodecs", 4071)
                .Property("videoCodecs", 252)
                .Property("videoFunction", VideoFunction)
                .Property("objectEncoding", 0))
                .End(),
            cancellationToken);
        if (answer.Name == "_error")
        {
            return AfterRefusal(answer, query);
        }

        Peer = PeerCapabilities.Parse(answer[0].AsObject, answer[1].AsObject);
        return null;
    }

    private (RtmpUrl Url, string Query) AfterRefusal(RtmpCommand answer, string query)
    {
        var status = answer[1].AsObject ?? answer[0].AsObject;

        // SRS, and players of Flash's time: a tcUrl, and newer the whole address, of which the stream is ours anyway.
        if (status?["ex"].AsObject is { } redirect && redirect["code"].AsNumber == 302 && _url.Resolve(redirect["redirect"].AsString) is var there && there != _url)
        {
            return (there, "");
        }

        var words = status?["description"].AsString ?? "";
        if (!RtmpLogin.IsAskedFor(words))
        {
            throw Refused("connect", answer);
        }

        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        return RtmpLogin.TryAnswer(_url, words, query, nonce, out var next, out var problem)
            ? (_url, next)
            : throw Failed(new Reason(Reasons.TargetRefused, $"{_url}: {Shown(problem)}"));
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

    private async Task<uint> CreateStreamAsync(CancellationToken cancellationToken)
    {
        var result = await CallAsync(0, "createStream", static amf => amf.Null(), cancellationToken);
        if (result.Name == "_error")
        {
            throw Refused("createStream", result);
        }

        return result[1].AsNumber is >= 0 and <= uint.MaxValue and { } id
            ? (uint)id
            : throw Failed(new Reason(Reasons.TargetRefused, $"{_url} answered createStream without a number"));
    }

    /// <returns>The <c>_result</c> or <c>_error</c>.</returns>
    private async Task<RtmpCommand> CallAsync(uint streamId, string name, Action<Amf0Writer> arguments, CancellationToken cancellationToken)
    {
        var transaction = ++_transaction;
        Link.Send(Link.NewBatch().Command(streamId, amf => arguments(amf.String(name).Number(transaction))));
        using var deadline = Deadline(_options.CommandTimeout, name, cancellationToken);
        while (true)
        {
            var command = await NextCommandAsync(keepMedia: false, cancellationToken);
            if (command is { Name: "_result" or "_error" } && command.TransactionId == transaction)
            {
                return command;
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
            var (status, message) = await ReadAsync();
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
