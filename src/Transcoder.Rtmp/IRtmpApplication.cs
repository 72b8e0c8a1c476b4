using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Rtmp;

/// <summary>What the RTMP server asks of the house behind it. Neither call may block other connections.</summary>
public interface IRtmpApplication
{
    /// <summary>Asked before <c>NetStream.Publish.Start</c> is sent.</summary>
    ValueTask<Admission<IPacketSink>> PublishAsync(AccessRequest request, CancellationToken cancellationToken);

    /// <summary>Asked before <c>NetStream.Play.Start</c> is sent; may wait a while for a stream that is about to start.</summary>
    ValueTask<Admission<IPacketSource>> PlayAsync(AccessRequest request, CancellationToken cancellationToken);

    /// <summary>Asked at <c>connect</c>: why nobody may do anything here, or null.</summary>
    /// <param name="app">As the client cut it: parts of the stream's name may be behind it.</param>
    Reason? RefuseConnection(string app) => null;

    /// <summary>What a player that reads only the legacy codecs can play instead: addresses in the form APP/STREAM, all of the same source, in H.264.</summary>
    IReadOnlyList<string> LegacyNames(string app, string stream) => [];
}

/// <summary>Yes with the thing asked for, or no with the reason.</summary>
public readonly record struct Admission<T>(T? Granted, Reason Refusal)
    where T : class
{
    public static implicit operator Admission<T>(T granted) => new(granted, default);

    public static implicit operator Admission<T>(Reason refusal) => new(null, refusal);
}
