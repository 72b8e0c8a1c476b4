using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Transcoder.Rtmp.Connections;

/// <summary>
/// Straight from shared blocks to the kernel: no copy, no thread in between, and no allocation once the lists have their size. The transport's own pipe is
/// never written to; completing it is what makes the transport close the socket.
/// </summary>
internal sealed class SocketOutput : IConnectionOutput, IDisposable
{
    // The runtime's gather write keeps this many segments on the stack and allocates for more.
    private const int GatherSegments = 8;

    // What a new player is sent at a time seldom has more.
    private const int BatchSegments = 64;

    // What leaves as one: a reader of 50 kb/s takes it in ten seconds.
    private const int PartBytes = 64 << 10;

    // What most of a stream is sent by stands first, in the line of the cache that the object begins.
    private readonly SafeSocketHandle _handle;
    private readonly Socket _socket;
    private readonly PipeWriter _pipe;
    private readonly List<ArraySegment<byte>> _segments = [];
    private readonly List<ArraySegment<byte>> _gather = [];

    // An object of its own, and a large one: most of a stream is sent without it.
    private readonly Sending _sending = new();
    private long _parts;

    public SocketOutput(Socket socket, PipeWriter pipe)
    {
        _socket = socket;
        _handle = socket.SafeHandle;
        _pipe = pipe;
    }

    public long Parts => Volatile.Read(ref _parts);

    /// <summary>One block that the kernel takes whole, as nearly always: no more than the system call.</summary>
    public int TrySend(ReadOnlySpan<byte> bytes) => SocketSend.TrySend(_handle, bytes);

    public void Approach() => _ = _handle.IsClosed;

    public void Add(ArraySegment<byte> bytes)
    {
        if (_segments.Count == GatherSegments)
        {
            _segments.EnsureCapacity(BatchSegments);
        }

        _segments.Add(bytes);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FlushAsync()
    {
        try
        {
            for (var next = 0; next < _segments.Count;)
            {
                next += Take(next);
                if (await _sending.SendAsync(_socket) is not SocketError.Success and var error)
                {
                    throw new IOException("the connection broke", new SocketException((int)error));
                }

                Volatile.Write(ref _parts, _parts + 1);
            }

            return true;
        }
        catch (ObjectDisposedException gone)
        {
            // Between two parts it is the socket that says so, in a part the system call.
            throw new IOException("the connection broke", gone);
        }
        finally
        {
            var used = _segments.Count;
            _segments.Clear();
            if (used <= GatherSegments && _segments.Capacity > GatherSegments)
            {
                // A new player's GOP, or a slow one's, is over: it need not keep the list for the rest of its life.
                _segments.Capacity = 0;
            }
        }
    }

    public ValueTask CompleteAsync()
    {
        Dispose();
        return _pipe.CompleteAsync();
    }

    public void Dispose() => _sending.Dispose();

    /// <summary>One segment goes as a buffer, which is pinned for less than a list of one; a long one in parts.</summary>
    /// <returns>How many segments are done with when this has been sent.</returns>
    private int Take(int next)
    {
        var first = _segments[next];
        var (count, bytes) = (1, first.Count);
        while (count < GatherSegments && next + count < _segments.Count && bytes + _segments[next + count].Count <= PartBytes)
        {
            bytes += _segments[next + count++].Count;
        }

        if (count == 1)
        {
            var part = Math.Min(first.Count, PartBytes);
            _sending.Take(first[..part]);
            _segments[next] = first[part..];
            return part == first.Count ? 1 : 0;
        }

        _gather.Clear();
        for (var i = next; i < next + count; i++)
        {
            _gather.Add(_segments[i]);
        }

        _sending.Take(_gather);
        return count;
    }

    /// <summary>A send that may have to wait.</summary>
    private sealed class Sending : SocketAsyncEventArgs, IValueTaskSource<SocketError>
    {
        // Completions come from the pool already; the sender may go on where they arrive.
        private ManualResetValueTaskSourceCore<SocketError> _sent;

        public Sending()
            : base(true) // No execution context: nothing here reads one.
        {
        }

        public void Take(ArraySegment<byte> segment)
        {
            if (BufferList is not null)
            {
                BufferList = null;
            }

            SetBuffer(segment.Array, segment.Offset, segment.Count);
        }

        public void Take(List<ArraySegment<byte>> segments)
        {
            if (!MemoryBuffer.IsEmpty)
            {
                SetBuffer(null, 0, 0);
            }

            BufferList = segments;
        }

        public ValueTask<SocketError> SendAsync(Socket socket)
        {
            _sent.Reset();
            return socket.SendAsync(this) ? new(this, _sent.Version) : new(SocketError);
        }

        SocketError IValueTaskSource<SocketError>.GetResult(short token) => _sent.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<SocketError>.GetStatus(short token) => _sent.GetStatus(token);

        void IValueTaskSource<SocketError>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _sent.OnCompleted(continuation, state, token, flags);

        protected override void OnCompleted(SocketAsyncEventArgs e) => _sent.SetResult(SocketError);
    }
}
