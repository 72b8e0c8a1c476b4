using Transcoder.Media;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <content>Saying no: each refusal has one reason, for the client and for the log.</content>
internal sealed partial class RtmpSession
{
    // A player that lost its stream may ask for it a few times; who guesses keys has to connect for each few.
    private const int MostRefusals = 5;

    // More than any address that a person types, and little work to look through for secrets.
    private const int LongestShown = 1024;

    private bool _refused;
    private int _refusals;

    private Reason Reject(RtmpCommand command, StreamAddress address, Reason reason)
    {
        _refused = true;
        Log.ConnectionRefused(_logger, _address, Shown(address.App), reason);
        _link.Send(_link.NewBatch().Command(0, amf => amf.String("_error").Number(command.TransactionId).Null()
            .BeginObject()
            .Property("level", "error")
            .Property("code", reason.Code == Reasons.UnknownApp ? "NetConnection.Connect.InvalidApp" : "NetConnection.Connect.Rejected")
            .Property("description", reason.Detail)
            .End()));
        return reason;
    }

    /// <summary>Says no, and ends the connection where nothing else runs on it, as such a client has nothing left to do, and where it was told so too often.</summary>
    private Reason? Refuse(string verb, StreamAddress address, Reason reason, uint streamId, string code)
    {
        _refused = true;
        Log.Refused(_logger, _address, verb, Shown(address.App), Shown(address.Stream), reason);
        _link.Send(_link.NewBatch().Status(streamId, "error", code, reason.Detail));
        return _publishing.Count + _playing.Count == 0 || ++_refusals == MostRefusals ? reason : null;
    }

    private Reason? Misuse(StreamAddress address, uint streamId) =>
        !address.IsValid ? new Reason(Reasons.BadName, "the application or stream name is empty, too long or not printable")
        : _publishing.Exists(stream => stream.Id == streamId) || _playing.ContainsKey(streamId) ? new Reason(Reasons.StreamBusy, "this message stream is already in use")
        : _publishing.Count + _playing.Count >= _options.MaxMessageStreams ? new Reason(Reasons.LimitExceeded, $"more than {_options.MaxMessageStreams} streams on one connection")
        : null;

    /// <summary>What can be said before the first packet; a codec that comes later is met by the stream itself.</summary>
    private Reason? Unplayable(StreamAddress address, IReadOnlyList<Track> tracks, TrackSelection selection)
    {
        foreach (var track in tracks)
        {
            if (!MessageComposer.CanSend(track, _peer, selection))
            {
                return Unreadable(address, track);
            }
        }

        foreach (var (kind, id) in (ReadOnlySpan<(TrackKind, byte?)>)[(TrackKind.Video, selection.Video), (TrackKind.Audio, selection.Audio)])
        {
            var there = tracks.Where(track => track.Kind == kind).Select(static track => track.Id).Order().ToArray();
            if (id is > 0 && there.Length > 0 && !there.Contains(id.Value))
            {
                return new Reason(Reasons.StreamNotFound, $"{address} has no {(kind == TrackKind.Video ? "video" : "audio")} track {id}; it has {string.Join(", ", there)}");
            }
        }

        return null;
    }

    /// <summary>Says what the player would get only garbage of, and what it can play instead.</summary>
    private Reason Unreadable(StreamAddress address, Track track)
    {
        var said = _peer.NamesCodecs ? $"this player announced {_peer}" : "this player announced no codec of Enhanced RTMP";
        var names = _application.LegacyNames(address.App, address.Stream);
        return new Reason(
            Reasons.CodecNotSupported,
            $"{address} is {track.Codec.Name()} {(track.Kind == TrackKind.Video ? "video" : "audio")}, {said}{(names.Count == 0 ? "" : $"; in H.264: {string.Join(", ", names)}")}");
    }

    // For the log: a hostile name neither fills it nor forges lines, and a mistyped address does not show its key.
    private static string Shown(string text) =>
        string.Concat(SecretRedaction.Redact(text.Length > LongestShown ? text[..LongestShown] : text).Take(64).Select(character => char.IsControl(character) ? '?' : character));
}
