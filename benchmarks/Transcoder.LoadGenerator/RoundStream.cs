using System.Diagnostics;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Transcoder.LoadGenerator;

/// <summary>A connection that is read in <see cref="ReadingRounds"/>, on their thread, and written as any other. One reader; cancelling from any thread.</summary>
internal sealed class RoundStream(Socket socket) : Stream, IValueTaskSource<int>
{
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<int> _read;
    private CancellationTokenRegistration _cancellation;
    private CancellationToken _token;
    private Memory<byte> _buffer;
    private int _received;
    private SocketError _error;
    private bool _waits;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (cancellationToken != _token)
        {
            _cancellation.Unregister();
            _token = cancellationToken;
            _cancellation = cancellationToken.UnsafeRegister(static stream => ((RoundStream)stream!).Cancel(), this);
        }

        lock (_gate)
        {
            _read.Reset();
            _buffer = buffer;
            _waits = true;
        }

        if (cancellationToken.IsCancellationRequested)
        {
            Cancel();
        }

        return new ValueTask<int>(this, _read.Version);
    }

    /// <summary>When the bytes were received that the reader is given.</summary>
    public long Arrived { get; private set; }

    /// <summary>Whether the last read was filled.</summary>
    public bool MayHaveMore { get; private set; }

    /// <summary>In a round: takes what there is, for <see cref="Deliver"/>.</summary>
    /// <returns>False where nobody reads, or there is nothing.</returns>
    public bool Receive()
    {
        lock (_gate)
        {
            if (!_waits)
            {
                return false;
            }

            try
            {
                _received = socket.Receive(_buffer.Span, SocketFlags.None, out _error);
                MayHaveMore = _received == _buffer.Length;
                Arrived = Stopwatch.GetTimestamp();
            }
            catch (ObjectDisposedException)
            {
                return false;
            }

            _waits = _error == SocketError.WouldBlock;
            return !_waits;
        }
    }

    /// <summary>The reader is given what was received, and goes on here.</summary>
    public void Deliver()
    {
        if (_error == SocketError.Success)
        {
            _read.SetResult(_received);
        }
        else
        {
            _read.SetException(new IOException("the connection broke", new SocketException((int)_error)));
        }
    }

    /// <summary>Never waits: what a player says is short, and its server reads.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var sent = socket.Send(buffer.Span, SocketFlags.None, out var error);
        return sent == buffer.Length
            ? default
            : ValueTask.FromException(new IOException($"{sent} of {buffer.Length} bytes were sent", new SocketException((int)error)));
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _cancellation.Unregister();
            End(new IOException("the connection is closed"));
            socket.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Cancel() => End(new OperationCanceledException(_token));

    private void End(Exception exception)
    {
        lock (_gate)
        {
            if (!_waits)
            {
                return;
            }

            _waits = false;
        }

        _read.SetException(exception);
    }
}
