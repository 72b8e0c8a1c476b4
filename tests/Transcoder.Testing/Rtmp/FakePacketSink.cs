using System.Collections.Concurrent;
using System.Threading.Channels;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;

namespace Transcoder.Testing.Rtmp;

/// <summary>Keeps what a publisher writes until the test reads it; the test may end the turn from the hub's side.</summary>
public sealed class FakePacketSink : IPacketSink, IDisposable
{
    private readonly Channel<Packet> _packets = Channel.CreateUnbounded<Packet>();
    private readonly TaskCompletionSource<Reason> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closed = new();

    public CancellationToken Closed => _closed.Token;

    public Reason CloseReason { get; private set; }

    public bool IsAwaited => true;

    /// <summary>Why the publisher's turn ended.</summary>
    public Task<Reason> Completed => _completed.Task;

    /// <summary>What was written, each owned by the test.</summary>
    public ChannelReader<Packet> Packets => _packets.Reader;

    /// <summary>Completes late to hold the publisher.</summary>
    public Task Room { get; set; } = Task.CompletedTask;

    public ValueTask WriteAsync(Packet packet, CancellationToken cancellationToken)
    {
        if (!_packets.Writer.TryWrite(packet))
        {
            packet.Release();
        }

        return new ValueTask(Room);
    }

    /// <summary>Tracks that the publisher sent and nobody got.</summary>
    public ConcurrentQueue<Reason> LeftOut { get; } = new();

    public void LeaveOut(Reason reason) => LeftOut.Enqueue(reason);

    public void Complete(Reason reason)
    {
        _completed.TrySetResult(reason);
        _packets.Writer.TryComplete();
    }

    /// <summary>What a takeover does.</summary>
    public void CloseFromHub(Reason reason)
    {
        CloseReason = reason;
        _closed.Cancel();
    }

    /// <summary>Gives back what the test did not read.</summary>
    public void Dispose()
    {
        _packets.Writer.TryComplete();
        while (_packets.Reader.TryRead(out var packet))
        {
            packet.Release();
        }

        _closed.Dispose();
    }
}
