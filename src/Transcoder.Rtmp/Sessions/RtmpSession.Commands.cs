using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <content>Commands (RTMP 1.0 §7.2). No order is asked for beyond connect first: clients send the others as they like.</content>
internal sealed partial class RtmpSession
{
    // A token in a query takes some KiB. What a command says is kept for as long as the connection lasts, so it must not be as long as a picture.
    private const int LongestCommand = 64 << 10;

    // One mostly, so each is looked at.
    private readonly List<PublishStream> _publishing = [];
    private readonly Dictionary<uint, PlayStream> _playing = [];
    private string _app = "";
    private string? _tcUrl;
    private PeerCapabilities _peer = PeerCapabilities.None;
    private uint _lastStreamId;

    /// <returns>Null to go on, or why the connection ends.</returns>
    private ValueTask<Reason?> HandleAsync(in RtmpMessage message)
    {
        switch (message.Type)
        {
            case MessageType.Audio or MessageType.Video or MessageType.DataAmf0 or MessageType.DataAmf3 when PublishStreamOf(message.StreamId) is { } stream:
                var taken = stream.TakeAsync(message, _ending.Token);
                return taken.IsCompletedSuccessfully ? default : GoOnAfterAsync(taken);
            case MessageType.CommandAmf0 or MessageType.CommandAmf3 when message.Length > LongestCommand:
                message.Buffer.Release();
                return new(new Reason(Reasons.LimitExceeded, $"a command of {message.Length} bytes, the limit is {LongestCommand}"));
            case MessageType.CommandAmf0 or MessageType.CommandAmf3:
                var command = RtmpCommand.TryParse(message.Type, message.Body);
                message.Buffer.Release();
                return command is null
                    ? new(new Reason(Reasons.ProtocolError, "a command message without a name"))
                    : HandleAsync(command, message.StreamId);
            default:
                // Media that nobody announced, shared objects, what later specifications add: skipped, the connection lives on.
                message.Buffer.Release();
                return default;
        }
    }

    private static async ValueTask<Reason?> GoOnAfterAsync(ValueTask taken)
    {
        await taken;
        return null;
    }

    private ValueTask<Reason?> HandleAsync(RtmpCommand command, uint streamId)
    {
        if (_state == SessionState.Connect && command.Name != "connect")
        {
            return new(new Reason(Reasons.ProtocolError, "a command before connect"));
        }

        switch (command.Name)
        {
            case "connect":
                return new(Connect(command));
            case "createStream":
                return new(Reply(_link.NewBatch().Result(command.TransactionId, AmfValue.Of((double)++_lastStreamId))));
            case "publish":
                return PublishAsync(command, streamId);
            case "play":
                return PlayAsync(command, streamId, command[1].AsString, command[4].AsBoolean ?? true);
            case "play2":
                return Play2Async(command, streamId);
            case "deleteStream":
                return EndStreamAsync(command[1].AsNumber is >= 0 and <= uint.MaxValue and { } id ? (uint)id : streamId);
            case "closeStream":
                return EndStreamAsync(streamId);
            case "FCUnpublish":
                return UnpublishAsync(command);
            case "pause":
                return new(Pause(command, streamId));
            case "seek":
                return new(Reply(_link.NewBatch().Status(streamId, "error", "NetStream.Seek.Failed", "a live stream has no other place to go to")));
            case "receiveAudio":
                PlayStreamOf(streamId)?.Composer.ReceiveAudio(command[1].AsBoolean ?? true);
                return new(Answer(command, AmfValue.Null));
            case "receiveVideo":
                PlayStreamOf(streamId)?.Composer.ReceiveVideo(command[1].AsBoolean ?? true);
                return new(Answer(command, AmfValue.Null));
            case "getStreamLength":
                return new(Answer(command, AmfValue.Of(0.0)));
            case "FCSubscribe":
                return new(Reply(_link.NewBatch()
                    .Command(0, amf => amf.String("onFCSubscribe").Number(0).Null()
                        .BeginObject().Property("code", "NetStream.Play.Start").Property("level", "status").End())
                    .Result(command.TransactionId, AmfValue.Null)));
            case "releaseStream" or "FCPublish" or "_checkbw" or "_result" or "_error" or "onStatus":
                return new(Answer(command, AmfValue.Null));
            default:
                if (_logger.IsEnabled(LogLevel.Debug))
                {
                    Log.UnknownCommand(_logger, _address, Shown(command.Name));
                }

                return new(Answer(command, AmfValue.Null));
        }
    }

    private Reason? Connect(RtmpCommand command)
    {
        var properties = command[0].AsObject;
        _app = properties?["app"].AsString ?? "";
        _tcUrl = properties?["tcUrl"].AsString;
        _peer = PeerCapabilities.Parse(properties);

        // A name stands for the one that publish or play will bring: without it the application's last part would be taken for it.
        var address = StreamAddress.Parse(_app, _tcUrl, "name");
        if (address.App.Length > 0 && _application.RefuseConnection(address.App) is { } refusal)
        {
            return Reject(command, address, refusal);
        }

        if (_state == SessionState.Connect)
        {
            Enter(SessionState.Waiting);
        }

        // One write for all of it.
        return Reply(_link.NewBatch()
            .WindowAcknowledgementSize(_options.WindowSize)
            .SetPeerBandwidth(_options.WindowSize)
            .SetChunkSize(_options.ChunkSize)
            .UserControl(UserControlEvent.StreamBegin, 0)
            .Command(0, amf => PeerCapabilities.WriteOurs(amf.String("_result").Number(command.TransactionId)
                .BeginObject().Property("fmsVer", "FMS/3,5,7,7009").Property("capabilities", 31).Property("mode", 1))
                .End()
                .BeginObject()
                .Property("level", "status")
                .Property("code", "NetConnection.Connect.Success")
                .Property("description", "Connection succeeded.")
                .Property("objectEncoding", 0)
                .End()));
    }

    private async ValueTask<Reason?> PublishAsync(RtmpCommand command, uint streamId)
    {
        var address = StreamAddress.Parse(_app, _tcUrl, command[1].AsString ?? "");
        if (Misuse(address, streamId) is { } misuse)
        {
            return Refuse("publish", address, misuse, streamId, "NetStream.Publish.BadName");
        }

        var admission = await AdmitAsync(address, _application.PublishAsync);
        if (admission.Granted is not { } sink)
        {
            return Refuse("publish", address, admission.Refusal, streamId, "NetStream.Publish.BadName");
        }

        _link.Limits = _options.ChunkLimits;
        _publishing.Add(new PublishStream(this, streamId, address, sink));
        Enter(SessionState.Active);
        return Reply(_link.NewBatch()
            .UserControl(UserControlEvent.StreamBegin, streamId)
            .Status(streamId, "status", "NetStream.Publish.Start", $"{address} is now published."));
    }

    private async ValueTask<Reason?> PlayAsync(RtmpCommand command, uint streamId, string? name, bool reset)
    {
        var address = StreamAddress.Parse(_app, _tcUrl, name ?? "");
        var selection = TrackSelection.Parse(name ?? "");
        if (Misuse(address, streamId) is { } misuse)
        {
            return Refuse("play", address, misuse, streamId, "NetStream.Play.Failed");
        }

        var admission = await AdmitAsync(address, _application.PlayAsync);
        if (admission.Granted is not { } source)
        {
            return Refuse("play", address, admission.Refusal, streamId, "NetStream.Play.StreamNotFound");
        }

        if (Unplayable(address, source.Tracks, selection) is { } unplayable)
        {
            source.Dispose();
            return Refuse("play", address, unplayable, streamId, unplayable.Code == Reasons.CodecNotSupported ? "NetStream.Play.Failed" : "NetStream.Play.StreamNotFound");
        }

        var batch = _link.NewBatch().UserControl(UserControlEvent.StreamBegin, streamId);
        if (reset)
        {
            batch.Status(streamId, "status", "NetStream.Play.Reset", $"Playing and resetting {address}.");
        }

        var reply = Reply(batch
            .Status(streamId, "status", "NetStream.Play.Start", $"Started playing {address}.")
            .Data(streamId, amf => amf.String("|RtmpSampleAccess").Boolean(true).Boolean(true)));
        Enter(SessionState.Active);
        _playing[streamId] = new PlayStream(this, address, source, streamId, selection);
        return reply;
    }

    /// <summary>A live stream has no other moment to switch at than the next keyframe, which is where a new play begins.</summary>
    private async ValueTask<Reason?> Play2Async(RtmpCommand command, uint streamId)
    {
        await EndStreamAsync(streamId);
        return await PlayAsync(command, streamId, command[1].AsObject?["streamName"].AsString, reset: false);
    }

    private async ValueTask<Admission<T>> AdmitAsync<T>(StreamAddress address, Func<AccessRequest, CancellationToken, ValueTask<Admission<T>>> ask)
        where T : class
    {
        var before = _state;
        Enter(SessionState.Admission);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token, _connection.ConnectionClosed);
        try
        {
            return await ask(new AccessRequest(address.App, address.Stream, address.Key, _address) { Query = address.Query }, cancellation.Token);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return new Reason(Reasons.ClientClosed, "the client left before it was admitted");
        }
        finally
        {
            Enter(before);
        }
    }

    /// <summary>It was asked to come back elsewhere, and has not left yet.</summary>
    public bool WasAskedToLeave { get; private set; }

    /// <summary>Asks the client to come back, at <paramref name="tcUrl"/> or where it is now; only one that said it understands.</summary>
    /// <returns>True when it was asked.</returns>
    public bool RequestReconnect(string? tcUrl)
    {
        if (!_peer.CanReconnect || _state != SessionState.Active || _end is not null)
        {
            return false;
        }

        if (tcUrl?.EndsWith('/') == true)
        {
            tcUrl += _app;
        }

        // E-RTMP v2, "Reconnect Request".
        return WasAskedToLeave = _link.Send(_link.NewBatch().Command(0, amf =>
        {
            amf.String("onStatus").Number(0).Null().BeginObject()
                .Property("level", "status")
                .Property("code", "NetConnection.Connect.ReconnectRequest")
                .Property("description", "The server goes out of service.");
            if (tcUrl is not null)
            {
                amf.Property("tcUrl", tcUrl);
            }

            amf.End();
        }));
    }

    private async ValueTask<Reason?> UnpublishAsync(RtmpCommand command)
    {
        var name = StreamAddress.Parse(_app, _tcUrl, command[1].AsString ?? "").Stream;
        foreach (var stream in _publishing)
        {
            if (stream.Address.Stream == name || _publishing.Count == 1)
            {
                await EndStreamAsync(stream.Id);
                return Reply(_link.NewBatch()
                    .Result(command.TransactionId, AmfValue.Null)
                    .Status(stream.Id, "status", "NetStream.Unpublish.Success", "Stopped publishing."));
            }
        }

        return Answer(command, AmfValue.Null);
    }

    private async ValueTask<Reason?> EndStreamAsync(uint streamId)
    {
        if (_publishing.Find(stream => stream.Id == streamId) is { } published)
        {
            _publishing.Remove(published);
            published.Close(new Reason(Reasons.Unpublished, "the publisher ended the stream"));
        }

        if (_playing.Remove(streamId, out var played))
        {
            await played.CloseAsync(new Reason(Reasons.ClientClosed, "the player ended the stream"));
        }

        if (_state == SessionState.Active && Volatile.Read(ref _running) == 0)
        {
            Enter(SessionState.Waiting);
        }

        return null;
    }

    private async ValueTask EndStreamsAsync(Reason reason)
    {
        foreach (var stream in _publishing)
        {
            stream.Close(reason.Code is Reasons.ClientClosed or Reasons.ConnectionReset
                ? new Reason(Reasons.PublisherDisconnected, "the connection ended without a goodbye")
                : reason);
        }

        foreach (var stream in _playing.Values)
        {
            await stream.CloseAsync(reason);
        }

        _publishing.Clear();
        _playing.Clear();
    }

    private Reason? Pause(RtmpCommand command, uint streamId)
    {
        var paused = command[1].AsBoolean ?? true;
        PlayStreamOf(streamId)?.Composer.Pause(paused);
        return Reply(paused
            ? _link.NewBatch().Status(streamId, "status", "NetStream.Pause.Notify", "Paused.")
            : _link.NewBatch().Status(streamId, "status", "NetStream.Unpause.Notify", "Going on live."));
    }

    /// <summary>A call is answered when it has a transaction id: clients block on silence.</summary>
    private Reason? Answer(RtmpCommand command, AmfValue value) =>
        command.TransactionId > 0 && command.Name is not ("_result" or "_error" or "onStatus")
            ? Reply(_link.NewBatch().Result(command.TransactionId, value))
            : null;

    private Reason? Reply(MessageBatch batch) =>
        _link.Send(batch) ? null : new Reason(Reasons.LimitExceeded, "the client asks and does not read the answers");

    // Some encoders send media on stream 0 or on the id they asked for first.
    private PublishStream? PublishStreamOf(uint streamId)
    {
        foreach (var stream in _publishing)
        {
            if (stream.Id == streamId || _publishing.Count == 1)
            {
                return stream;
            }
        }

        return null;
    }

    private PlayStream? PlayStreamOf(uint streamId) => _playing.GetValueOrDefault(streamId);
}
