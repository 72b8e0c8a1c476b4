using System.Buffers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Sessions;

/// <summary>How far a connection has come; each state but the last two has a deadline of its own.</summary>
internal enum SessionState
{
    Handshake,
    Connect,

    /// <summary>Connected, with nothing published or played.</summary>
    Waiting,

    /// <summary>Asking the house for admission.</summary>
    Admission,

    /// <summary>At least one stream is published or played.</summary>
    Active,

    Ended,
}

/// <summary>
/// One connection of the server, from accept to its one recorded reason. A single loop reads and answers; each player stream has a task that writes.
/// Nothing that a client sends makes <see cref="RunAsync"/> throw.
/// </summary>
internal sealed partial class RtmpSession
{
    // What is queued for a client that is being sent away has this long to leave.
    private static readonly TimeSpan FarewellTimeout = TimeSpan.FromSeconds(2);

    private readonly ConnectionContext _connection;
    private readonly IRtmpApplication _application;
    private readonly RtmpOptions _options;
    private readonly MediaBufferPool _pool;
    private readonly MessageMuxer _muxer;
    private readonly RtmpStatistics _statistics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RtmpLink _link;

    // Never disposed of, as it has no timer: who called End first may be about to cancel it when the loop has already seen the reason and finished.
    private readonly CancellationTokenSource _ending = new();
    private readonly string _address;
    private readonly IConnectionLease? _lease;
    private readonly IConnectionPace? _pace;
    private Ending? _end;
    private volatile SessionState _state = SessionState.Handshake;
    private long _stateSince;
    private long _lastPing;
    private bool _wasActive;

    // Streams that have not ended by themselves.
    private int _running;

    public RtmpSession(
        ConnectionContext connection, IRtmpApplication application, RtmpOptions options, MediaBufferPool pool, MessageMuxer muxer,
        RtmpStatistics statistics, TimeProvider time, ILogger logger)
    {
        _connection = connection;
        _application = application;
        _options = options;
        _pool = pool;
        _muxer = muxer;
        _statistics = statistics;
        _time = time;
        _logger = logger;
        _address = connection.RemoteEndPoint?.ToString() ?? "unknown";
        _stateSince = _lastPing = time.GetTimestamp();
        _lease = connection.Features.Get<IConnectionLease>();
        _pace = connection.Features.Get<IConnectionPace>();
        _link = new RtmpLink(connection.Transport.Input, OutputOf(connection), pool, options, time, statistics) { Lease = _lease, Limits = options.StrangerLimits };
    }

    public SessionState State => _state;

    /// <summary>Why the connection ended or is ending; default before.</summary>
    public Reason EndReason => Volatile.Read(ref _end)?.Reason ?? default;

    private sealed record Ending(Reason Reason);

    public async Task RunAsync()
    {
        var shutdown = _connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;
        using var registration = shutdown.Register(
            static session => ((RtmpSession)session!).End(new Reason(Reasons.Shutdown, "the server is shutting down")), this);
        try
        {
            End(await ServeAsync());
        }
        catch (OperationCanceledException) when (_end is not null)
        {
            // End was called and has recorded why.
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            End(new Reason(Reasons.ConnectionReset, "the connection broke"));
        }
        catch (Exception exception)
        {
            End(new Reason(Reasons.InternalError, exception.GetType().Name));
            Log.InternalError(_logger, exception, _address);
        }

        await FinishAsync();
    }

    /// <summary>Records why and makes the loop and the players stop. The first reason wins. From any thread.</summary>
    public void End(Reason reason)
    {
        if (Interlocked.CompareExchange(ref _end, new Ending(reason), null) is null)
        {
            // Not Cancel: what waits for the token would run here, on the ticker's or the hub's thread.
            _ = _ending.CancelAsync();
            _link.Interrupt();
        }
    }

    /// <summary>One of the streams has ended by itself: with the last one the connection has nothing left to do. From any thread.</summary>
    private void EndOf(ref int over, Reason reason)
    {
        if (TakeOff(ref over) == 0)
        {
            End(reason);
        }
    }

    /// <returns>How many streams go on; null where this one was taken off before.</returns>
    private int? TakeOff(ref int over) => Interlocked.Exchange(ref over, 1) == 0 ? Interlocked.Decrement(ref _running) : null;

    /// <summary>Looks at the deadlines; called every second by the server's ticker.</summary>
    public void Tick()
    {
        var inState = _time.GetElapsedTime(Interlocked.Read(ref _stateSince));
        if (_link.Writer.Stalled > _options.WriteTimeout)
        {
            End(new Reason(Reasons.WriteTimeout, $"the client took no bytes for {_options.WriteTimeout.TotalSeconds:0} s"));
            _connection.Abort(new ConnectionAbortedException("write timeout"));
            return;
        }

        switch (_state)
        {
            case SessionState.Handshake when inState > _options.HandshakeTimeout:
                End(new Reason(Reasons.HandshakeTimeout, $"no complete handshake in {_options.HandshakeTimeout.TotalSeconds:0} s"));
                break;
            case SessionState.Connect when inState > _options.ConnectTimeout:
                End(new Reason(Reasons.IdleTimeout, $"no connect command in {_options.ConnectTimeout.TotalSeconds:0} s after the handshake"));
                break;
            case SessionState.Waiting when inState > _options.StartTimeout:
                End(new Reason(Reasons.IdleTimeout, $"neither publish nor play in {_options.StartTimeout.TotalSeconds:0} s"));
                break;
            case SessionState.Admission when inState > _options.AdmissionTimeout:
                End(new Reason(Reasons.InternalError, $"no decision about this client in {_options.AdmissionTimeout.TotalSeconds:0} s"));
                break;
            case SessionState.Admission when _connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket && HasLeft(socket):
                _connection.Abort(new ConnectionAbortedException("the client left"));
                break;
            case SessionState.Active when _link.Silence > _options.IdleTimeout:
                End(new Reason(Reasons.IdleTimeout, $"the client sent nothing for {_options.IdleTimeout.TotalSeconds:0} s, not even an answer to a ping"));
                break;
            case SessionState.Active when _link.Silence > _options.PingInterval && _time.GetElapsedTime(_lastPing) > _options.PingInterval:
                _lastPing = _time.GetTimestamp();
                _link.Send(_link.NewBatch().UserControl(UserControlEvent.PingRequest, Milliseconds(_lastPing)));
                break;
        }
    }

    /// <summary>While the house decides, nobody reads what would say so.</summary>
    private static bool HasLeft(Socket socket)
    {
        try
        {
            return socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    /// <summary>The socket itself where nothing stands between it and us.</summary>
    private static IConnectionOutput OutputOf(ConnectionContext connection) =>
        connection.Features.Get<IConnectionSocketFeature>() is { } transport && connection.Features.Get<ITlsHandshakeFeature>() is null
            ? new SocketOutput(transport.Socket, connection.Transport.Output)
            : new PipeOutput(connection.Transport.Output);

    private async Task<Reason> ServeAsync()
    {
        if (await HandshakeAsync() is { } failed)
        {
            return failed;
        }

        _lease?.HandshakeDone();
        Enter(SessionState.Connect);
        while (true)
        {
            var status = _link.Read(out var message);
            switch (status == LinkStatus.Empty ? await FillAsync() : status)
            {
                case LinkStatus.Message:
                    if (await HandleAsync(message) is { } reason)
                    {
                        return reason;
                    }

                    break;
                case LinkStatus.Failed:
                    return _link.Failure;
                case LinkStatus.Ended:
                    return new Reason(Reasons.ClientClosed, "the client closed the connection");
            }

            if (_end is not null)
            {
                return EndReason;
            }
        }
    }

    private ValueTask<LinkStatus> FillAsync()
    {
        _pace?.MayLie = _state == SessionState.Active && !IsAwaited();
        return _link.FillAsync();
    }

    /// <summary>Whether anyone waits for what this client publishes. What players send has time.</summary>
    private bool IsAwaited()
    {
        foreach (var stream in _publishing)
        {
            if (stream.IsAwaited)
            {
                return true;
            }
        }

        return false;
    }

    private async Task<Reason?> HandshakeAsync()
    {
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>(Handshake.AnswerLength);
        var needed = 1;
        while (true)
        {
            var (status, bytes) = await _link.PeekAsync(needed);
            if (status != LinkStatus.Arrived)
            {
                return status == LinkStatus.Interrupted
                    ? EndReason
                    : new Reason(Reasons.ClientClosed, $"the client closed the connection after {_link.BytesReceived} bytes, before the handshake was complete");
            }

            var result = handshake.Read(ref bytes, output);
            _link.Skip(bytes);
            switch (result)
            {
                case HandshakeResult.NotRtmp:
                    return handshake.Refusal;
                case HandshakeResult.Done:
                    return null;
                case HandshakeResult.Answer:
                    _link.Writer.Send(output.WrittenSpan);
                    needed = 1;
                    break;
                default:
                    needed = (int)bytes.Length + 1;
                    break;
            }
        }
    }

    private async Task FinishAsync()
    {
        var active = _state == SessionState.Active || _wasActive;
        Enter(SessionState.Ended);
        var reason = EndReason;
        AbortWhenStuck();
        await EndStreamsAsync(reason);
        try
        {
            await _link.Writer.CloseAsync(FarewellTimeout);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException)
        {
            // The peer is gone; there is nothing left to say to it.
        }

        _link.Dispose();
        await _connection.Transport.Input.CompleteAsync();
        if (active || _refused || _link.BytesReceived == 0)
        {
            Log.ConnectionEnded(_logger, _address, _link.BytesReceived, _link.Writer.BytesWritten, reason);
        }
        else
        {
            Log.ConnectionEndedEarly(_logger, _address, reason);
        }
    }

    /// <summary>A peer that does not take the last bytes must not keep the connection: it is cut off unless it is closed by then.</summary>
    private void AbortWhenStuck()
    {
        var linger = new CancellationTokenSource(FarewellTimeout, _time);
        linger.Token.UnsafeRegister(static connection => ((ConnectionContext)connection!).Abort(new ConnectionAbortedException("the peer took no bytes")), _connection);
        _connection.ConnectionClosed.UnsafeRegister(static timer => ((CancellationTokenSource)timer!).Dispose(), linger);
    }

    private void Enter(SessionState state)
    {
        Interlocked.Exchange(ref _stateSince, _time.GetTimestamp());
        _state = state;
        _wasActive |= state == SessionState.Active;
    }

    private uint Milliseconds(long timestamp) => unchecked((uint)_time.GetElapsedTime(0, timestamp).TotalMilliseconds);
}
