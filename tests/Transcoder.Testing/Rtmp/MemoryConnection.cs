using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Transcoder.Testing.Rtmp;

/// <summary>A server connection without a socket; <see cref="Client"/> is the other end. Each direction holds as much as a socket's buffers would.</summary>
public sealed class MemoryConnection : DefaultConnectionContext
{
    private const int BufferedBytes = 64 << 10;

    public MemoryConnection()
    {
        var options = new PipeOptions(pauseWriterThreshold: BufferedBytes, resumeWriterThreshold: BufferedBytes / 2, useSynchronizationContext: false);
        var up = new Pipe(options);
        var down = new Pipe(options);
        ConnectionId = "memory";
        RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 4242);
        Transport = new Duplex(up.Reader, down.Writer);
        Client = new Duplex(down.Reader, up.Writer);
    }

    public IDuplexPipe Client { get; }

    public bool IsAborted { get; private set; }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        IsAborted = true;

        // What a socket does: both directions end, and writers under way are let go.
        Client.Input.Complete();
        Client.Output.Complete();
        base.Abort(abortReason);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
