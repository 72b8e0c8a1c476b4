using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;

namespace Transcoder.Streams.Ingest;

/// <summary>One publisher's turn at a <see cref="SourceStream"/>.</summary>
internal sealed class Publication : IPacketSink
{
    private readonly SourceStream _source;
    private readonly Action<SourceStream, Reason> _onCompleted;
    private readonly CancellationTokenSource _closed = new();

    internal Publication(SourceStream source, Action<SourceStream, Reason> onCompleted)
    {
        _source = source;
        _onCompleted = onCompleted;
    }

    public bool IsAwaited => _source.Live.Feed.IsRead;

    public CancellationToken Closed => _closed.Token;

    public Reason CloseReason { get; private set; }

    public ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken) => _source.WriteAsync(this, packet, cancellationToken);

    public void LeaveOut(Reason reason) => _source.LeaveOut(this, reason);

    public void Complete(Reason reason)
    {
        if (_source.Detach(this, reason))
        {
            CloseReason = reason;
            _onCompleted(_source, reason);
        }
    }

    /// <summary>The hub ends the turn: the connection sees <see cref="Closed"/> and says why to its peer.</summary>
    internal void Close(Reason reason)
    {
        CloseReason = reason;
        _source.Detach(this, reason);
        _ = _closed.CancelAsync();
    }
}
