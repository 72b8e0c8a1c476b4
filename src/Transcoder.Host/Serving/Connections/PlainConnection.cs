using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Transcoder.Rtmp;

namespace Transcoder.Host.Serving.Connections;

/// <summary>An accepted socket without pipes and tasks of its own: a <see cref="SocketLoop"/> reads it when the session does, and the session writes to the socket itself.</summary>
internal sealed class PlainConnection : ConnectionContext, IConnectionSocketFeature, IConnectionPace, IDuplexPipe
{
    private static long _count;

    private readonly CancellationTokenSource _closed = new();
    private readonly SocketInput _input;
    private readonly Closing _output;
    private string? _id;
    private int _isClosed;

    public PlainConnection(Socket socket, SocketLoop loop)
    {
        Socket = socket;
        RemoteEndPoint = socket.RemoteEndPoint;
        _input = new SocketInput(socket, loop);
        _output = new Closing(this);
        Transport = this;
        ConnectionClosed = _closed.Token;
        Features.Set<IConnectionSocketFeature>(this);
        Features.Set<IConnectionPace>(this);
    }

    public Socket Socket { get; }

    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref _count).ToString(CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get => field ??= new Dictionary<object, object?>(); set; }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    bool IConnectionPace.MayLie
    {
        set => _input.MayLie = value;
    }

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <summary>What is being read or sent ends.</summary>
    public override void Abort(ConnectionAbortedException abortReason) => Close();

    public override ValueTask DisposeAsync()
    {
        Close();
        return default;
    }

    private void Close()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            _output.Complete();
            _input.Abort();
            Socket.Dispose();
            _closed.Cancel();
        }
    }

    /// <summary>Carries nothing: the session has the socket. Completing it says goodbye.</summary>
    private sealed class Closing(PlainConnection connection) : PipeWriter
    {
        public override void Complete(Exception? exception = null)
        {
            try
            {
                connection.Socket.Shutdown(SocketShutdown.Both);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Gone already.
            }
        }

        public override void Advance(int bytes) => throw new NotSupportedException();

        public override void CancelPendingFlush() => throw new NotSupportedException();

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public override Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException();

        public override Span<byte> GetSpan(int sizeHint = 0) => throw new NotSupportedException();
    }
}
