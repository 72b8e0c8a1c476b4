using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Transcoder.Host.Serving.Connections;

/// <summary>
/// What arrives at a socket, read by its <see cref="SocketLoop"/>. While nobody reads nothing is received, and TCP slows the peer. What a reader leaves over, half a header
/// mostly, is kept in a block of its own. One reader; cancelling and aborting from any thread.
/// </summary>
internal sealed class SocketInput : PipeReader, IValueTaskSource<ReadResult>
{
    // Of one socket at a time, while others wait.
    private const int MostBlocks = 8;

    // A handshake is 3073 bytes: a reader that wants more than half a block before it takes any is no RTMP session.
    private const int MostKept = SocketLoop.BlockSize / 2;

    private readonly Lock _gate = new();
    private readonly Socket _socket;
    private readonly SocketLoop _loop;
    private readonly int _id;
    private ManualResetValueTaskSourceCore<ReadResult> _read;
    private ReadOnlySequence<byte> _lent;
    private byte[]? _kept;
    private int _keptLength;

    // The loop's block that is being read; not ours unless the reader takes longer than the loop can wait.
    private byte[]? _block;
    private bool _blockIsOurs;
    private bool _keptIsUnseen;
    private bool _isWaiting;
    private bool _isWatched;
    private bool _isLeisurely;
    private bool _isCancelled;
    private bool _isOver;
    private bool _isLeft;
    private Exception? _failure;

    public SocketInput(Socket socket, SocketLoop loop)
    {
        // A receive then says at once that there is nothing.
        socket.Blocking = false;
        _socket = socket;
        _loop = loop;
        _id = loop.Enter(this);
    }

    /// <summary>What arrives may wait for the loop's next round.</summary>
    public bool MayLie { private get; set; }

    /// <param name="cancellationToken">Not used: <see cref="CancelPendingRead"/> ends a read.</param>
    /// <exception cref="IOException">The connection broke, or was aborted.</exception>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                return ValueTask.FromException<ReadResult>(_failure);
            }

            if (_isCancelled || _isOver || _keptIsUnseen)
            {
                var isCancelled = _isCancelled;
                _isCancelled = false;
                return new(new ReadResult(LendKept(), isCancelled, _isOver));
            }

            _read.Reset();
            if (!_isWatched && !TryWatch())
            {
                return ValueTask.FromException<ReadResult>(_failure!);
            }

            _isWaiting = true;
            return new(this, _read.Version);
        }
    }

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException("what has arrived is known to the loop alone");

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <exception cref="InvalidOperationException">More is kept than is ever needed.</exception>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lock (_gate)
        {
            var left = _lent.Slice(consumed);
            _keptIsUnseen = left.Length > 0 && !_lent.Slice(examined).IsEmpty;
            Keep(left.FirstSpan);
            _lent = default;
            GiveBlockBack();
        }

        if (_keptLength > MostKept && !_keptIsUnseen)
        {
            throw new InvalidOperationException($"{_keptLength} bytes were examined and none of them taken");
        }
    }

    public override void CancelPendingRead()
    {
        lock (_gate)
        {
            if (!_isWaiting)
            {
                _isCancelled = true;
                return;
            }

            _isWaiting = false;
            _read.RunContinuationsAsynchronously = true;
            LendKept();
        }

        _read.SetResult(new ReadResult(_lent, isCanceled: true, _isOver));
    }

    /// <summary>Nothing is read any more; a read under way ends. Before the socket is closed.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            _failure ??= new IOException("the connection was aborted");
            Leave();
            if (!_isWaiting)
            {
                return;
            }

            _isWaiting = false;
            _read.RunContinuationsAsynchronously = true;
        }

        _read.SetException(_failure);
    }

    public override void Complete(Exception? exception = null)
    {
        lock (_gate)
        {
            _failure ??= new IOException("nobody reads any more");
            _lent = default;
            Keep([]);
            GiveBlockBack();
            Leave();
        }
    }

    /// <summary>By the loop: the socket has something to be read. The reader goes on before this returns.</summary>
    /// <returns>False when the block is not the loop's any more.</returns>
    public bool Receive(byte[] block)
    {
        for (var i = 0; i < MostBlocks; i++)
        {
            if (!Receive(block, out var isFull))
            {
                return false;
            }

            if (!isFull)
            {
                break;
            }
        }

        return true;
    }

    private bool Receive(byte[] block, out bool isFull)
    {
        Exception? failure;
        isFull = false;
        lock (_gate)
        {
            if (!_isWaiting)
            {
                // The reader does something else. Its socket would be told of again and again.
                Unwatch();
                return true;
            }

            if (!TryReceive(block, out var received))
            {
                return true;
            }

            isFull = received == block.Length - _keptLength;
            _isWaiting = false;
            _read.RunContinuationsAsynchronously = false;
            failure = _failure;
            if (failure is null)
            {
                _isOver = received == 0;
                _lent = new ReadOnlySequence<byte>(block, 0, _keptLength + received);
                Keep([]);
                _block = block;
            }
        }

        if (failure is not null)
        {
            _read.SetException(failure);
            return true;
        }

        _read.SetResult(new ReadResult(_lent, isCanceled: false, _isOver));
        bool isWatched, isFree;
        lock (_gate)
        {
            _blockIsOurs = _block == block;
            isFree = !_blockIsOurs;
            isWatched = TryChangePace();
        }

        if (!isWatched)
        {
            Abort();
        }

        return isFree;
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    /// <returns>False where there is nothing after all.</returns>
    private bool TryReceive(byte[] block, out int received)
    {
        received = 0;
        if (_keptLength > 0)
        {
            _kept.AsSpan(0, _keptLength).CopyTo(block);
        }

        try
        {
            received = _socket.Receive(block.AsSpan(_keptLength), SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
            {
                return false;
            }

            _failure = error == SocketError.Success ? null : new IOException("the connection broke", new SocketException((int)error));
        }
        catch (ObjectDisposedException e)
        {
            _failure = new IOException("the connection is closed", e);
        }

        return true;
    }

    private ReadOnlySequence<byte> LendKept() => _lent = new ReadOnlySequence<byte>(_kept ?? [], 0, _keptLength);

    /// <summary>What is kept may be a part of what was kept.</summary>
    private void Keep(ReadOnlySpan<byte> left)
    {
        _keptLength = left.Length;
        if (left.Length > 0 && left.Length <= _kept?.Length)
        {
            left.CopyTo(_kept);
            return;
        }

        var last = _kept;
        _kept = null;
        if (left.Length > 0)
        {
            _kept = ArrayPool<byte>.Shared.Rent(left.Length);
            left.CopyTo(_kept);
        }

        if (last is not null)
        {
            ArrayPool<byte>.Shared.Return(last);
        }
    }

    private void GiveBlockBack()
    {
        if (_blockIsOurs)
        {
            _blockIsOurs = false;
            ArrayPool<byte>.Shared.Return(_block!);
        }

        _block = null;
    }

    private bool TryWatch()
    {
        try
        {
            _loop.Watch(_socket, _id, _isLeisurely);
            return _isWatched = true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            _failure ??= new IOException("the connection can't be waited for", e);
            return false;
        }
    }

    private void Unwatch()
    {
        if (_isWatched)
        {
            _isWatched = false;
            _loop.Unwatch(_socket, _isLeisurely);
        }
    }

    private bool TryChangePace()
    {
        if (_isLeisurely == MayLie)
        {
            return true;
        }

        var wasWatched = _isWatched;
        Unwatch();
        _isLeisurely = MayLie;
        return !wasWatched || TryWatch();
    }

    private void Leave()
    {
        if (_isLeft)
        {
            return;
        }

        _isLeft = true;
        Unwatch();
        _loop.Leave(_id);
    }
}
