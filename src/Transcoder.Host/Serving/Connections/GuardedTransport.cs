using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Transcoder.Rtmp;

namespace Transcoder.Host.Serving.Connections;

/// <summary>An address to listen on behind the <see cref="ConnectionGate"/>.</summary>
/// <param name="isPlain">The session stands behind the socket itself, not behind TLS.</param>
internal sealed class GuardedEndPoint(IPEndPoint at, bool isPlain) : IPEndPoint(at.Address, at.Port)
{
    public bool IsPlain => isPlain;
}

/// <summary>
/// Sockets with the gate in front: a refused one is closed in the accept loop, before a pipe, a task or a handshake is made for it. Plain ones are read by their session,
/// those with TLS are Kestrel's.
/// </summary>
internal sealed class GuardedTransport(ConnectionGate gate, ILoggerFactory logs) : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    // As long as the kernel lets it be: a burst waits there, and costs us nothing yet.
    private const int Backlog = 4096;

    // A loop takes apart some hundred thousand packets a second; what is sent on costs more than that, and other threads help with it.
    private const int MostLoops = 8;

    // A connection's reader goes on where its bytes arrive: a hop between threads costs more than taking a packet apart, and nothing there blocks.
    private readonly SocketConnectionContextFactory _contexts =
        new(new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true }, logs.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));

    private readonly SocketLoop[] _loops = [.. Enumerable.Range(0, Math.Clamp(Environment.ProcessorCount, 1, MostLoops)).Select(static number => new SocketLoop(number))];
    private int _next;

    public bool CanBind(EndPoint endpoint) => endpoint is GuardedEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var at = (GuardedEndPoint)endpoint;
        var socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (at.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            // Not the subclass: a bound socket tells its address in a new object of the class it was given.
            socket.Bind(new IPEndPoint(at.Address, at.Port));
            socket.Listen(Backlog);
            return new(new GuardedListener(socket, gate, logs.CreateLogger<GuardedListener>(), at.IsPlain ? Plain : _contexts.Create));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse ? new AddressInUseException(e.Message, e) : new IOException($"{at}: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        Array.ForEach(_loops, static loop => loop.Dispose());
        _contexts.Dispose();
    }

    private PlainConnection Plain(Socket accepted) => new(accepted, _loops[(uint)Interlocked.Increment(ref _next) % _loops.Length]);
}

internal sealed partial class GuardedListener(Socket socket, ConnectionGate gate, ILogger log, Func<Socket, ConnectionContext> connect) : IConnectionListener
{
    // What fails once mostly fails again at once: without descriptors, without memory.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);
    private long _saidAt;

    public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Socket accepted;
            try
            {
                accepted = await socket.AcceptAsync(cancellationToken);
            }
            catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                // Unbound.
                return null;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // While it waited in the backlog.
                continue;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Tell(e);
                await Task.Delay(Pause, cancellationToken);
                continue;
            }

            if (Admit(accepted) is { } connection)
            {
                return connection;
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        socket.Dispose();
        return default;
    }

    public ValueTask DisposeAsync() => UnbindAsync();

    private ConnectionContext? Admit(Socket accepted)
    {
        ConnectionGate.ConnectionLease? lease = null;
        try
        {
            if (accepted.RemoteEndPoint is IPEndPoint peer && (lease = gate.TryEnter(peer.Address)) is not null)
            {
                accepted.NoDelay = true;
                var connection = connect(accepted);
                connection.Features.Set<IConnectionLease>(lease);
                connection.ConnectionClosed.UnsafeRegister(static state => ((IDisposable)state!).Dispose(), lease);
                return connection;
            }
        }
        catch (SocketException)
        {
            // Gone already.
            lease?.Dispose();
        }
        catch (Exception e)
        {
            // One connection's, whatever it is: the next ones are taken.
            lease?.Dispose();
            Tell(e);
        }

        // With a reset: a polite close would leave a socket in TIME_WAIT for each of a flood.
        accepted.Close(0);
        return null;
    }

    private void Tell(Exception problem)
    {
        var now = Environment.TickCount64;
        if (_saidAt == 0 || now - _saidAt > BetweenLines.TotalMilliseconds)
        {
            _saidAt = now;
            LogFailed(EndPoint, problem.Message);
        }
    }

    [LoggerMessage(113, LogLevel.Error, "{At} can't take a connection: {Problem}; the next failures within ten seconds are not told")]
    private partial void LogFailed(EndPoint at, string problem);
}
