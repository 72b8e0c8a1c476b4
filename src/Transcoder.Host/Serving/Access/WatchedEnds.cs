using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Serving.Access;

/// <summary>A publisher's sink whose end a hook wants to know of.</summary>
internal sealed class WatchedSink(IPacketSink sink, Action<Reason> ended) : IPacketSink
{
    private Action<Reason>? _ended = ended;

    public CancellationToken Closed => sink.Closed;

    public Reason CloseReason => sink.CloseReason;

    public bool IsAwaited => sink.IsAwaited;

    public ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken) => sink.WriteAsync(packet, cancellationToken);

    public void LeaveOut(Reason reason) => sink.LeaveOut(reason);

    public void Complete(Reason reason)
    {
        sink.Complete(reason);
        Interlocked.Exchange(ref _ended, null)?.Invoke(reason);
    }
}

/// <summary>A player's source whose end a hook wants to know of.</summary>
internal sealed class WatchedSource(IPacketSource source, Action<Reason> ended) : IPacketSource
{
    private Action<Reason>? _ended = ended;

    public Reason EndReason => source.EndReason;

    public long DroppedPackets => source.DroppedPackets;

    public IReadOnlyList<Track> Tracks => source.Tracks;

    public bool TryRead(out Packet packet) => source.TryRead(out packet);

    public void DeliverTo(IRunReceiver receiver) => source.DeliverTo(receiver);

    public ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken) => source.WaitToReadAsync(cancellationToken);

    public void Dispose()
    {
        var reason = source.EndReason.Code is null ? new Reason(Reasons.ClientClosed, "the player left") : source.EndReason;
        source.Dispose();
        Interlocked.Exchange(ref _ended, null)?.Invoke(reason);
    }
}
