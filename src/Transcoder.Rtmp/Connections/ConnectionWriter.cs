using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Connections;

/// <summary>
/// The outgoing side of a connection, shared by those who answer and those who send media. Answers never wait: while a flush is under way they queue, bounded,
/// and leave with the next one. Media wait their turn and then for the flush, which is how a slow reader is felt. Safe from any thread.
/// </summary>
internal sealed class ConnectionWriter(IConnectionOutput output, TimeProvider time, RtmpStatistics statistics, int queueLimit)
{
    private readonly Lock _queueLock = new();

    // Answers gather here until the next flush. There is none on a connection that says nothing, as a player's is for minutes.
    private volatile ArrayBufferWriter<byte>? _queued;

    // First bytes of images for another message stream than theirs; most connections never need it.
    private byte[] _heads = [];
    private Turn _turn = new();
    private int _flushBytes;
    private long _flushStarted;
    private long _partsSeen;
    private long _bytesWritten;
    private volatile bool _closed;

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    /// <summary>How long the flush under way has been without progress, as far as is known; zero when there is none. Asked by one ticker.</summary>
    public TimeSpan Stalled
    {
        get
        {
            var started = Interlocked.Read(ref _flushStarted);
            if (started == 0)
            {
                return TimeSpan.Zero;
            }

            var parts = output.Parts;
            if (parts != _partsSeen)
            {
                // Unless that flush is over meanwhile.
                _partsSeen = parts;
                Interlocked.CompareExchange(ref _flushStarted, time.GetTimestamp(), started);
                return TimeSpan.Zero;
            }

            return time.GetElapsedTime(started);
        }
    }

    /// <summary>Sends or queues whole messages, without waiting.</summary>
    /// <returns>False when the queue is full: the peer asks and does not read.</returns>
    public bool Send(ReadOnlySpan<byte> messages)
    {
        if (_queued is null && _turn.TryTake())
        {
            var left = messages[SendNow(messages)..];
            var fits = left.IsEmpty || Queue(left);
            EndTurn();
            return fits;
        }

        if (!Queue(messages))
        {
            return false;
        }

        if (_turn.TryTake())
        {
            _ = DrainAsync();
        }

        return true;
    }

    /// <summary>Sends the images with one gather write. The caller keeps its references until this has completed.</summary>
    /// <param name="streamId">The message stream; images are made for <see cref="MessageMuxer.StreamId"/>, and their heads patched where it differs.</param>
    /// <returns>False when the connection takes no more.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> WriteAsync(List<WireImage> images, uint streamId, CancellationToken cancellationToken)
    {
        await _turn.TakeAsync(cancellationToken);
        bool open;
        try
        {
            TakeQueued();
            AddImages(images, streamId);

            open = await FlushAsync();
        }
        finally
        {
            EndTurn();
        }

        return open;
    }

    /// <summary>
    /// Sends the image if nothing is under way; never waits. What the connection does not take at once goes on by itself, and until it has gone there is no next turn.
    /// </summary>
    /// <returns>False when nothing was sent of it: somebody else has the turn, or the connection takes no more.</returns>
    public bool TryWrite(WireImage image)
    {
        if (_closed || !_turn.TryTake())
        {
            return false;
        }

        ValueTask<bool> flush;
        try
        {
            var bytes = image.Segment;
            var sent = TakeQueued() ? 0 : output.TrySend(bytes);
            Count(sent);
            if (sent == bytes.Count)
            {
                EndTurn();
                return true;
            }

            Add(bytes[sent..]);
            flush = FlushAsync();
        }
        catch (Exception exception) when (IsConnectionGone(exception))
        {
            flush = ValueTask.FromException<bool>(exception);
        }
        catch
        {
            // Nothing that is foreseen: what has left of the image is unknown, so nothing may follow it.
            _closed = true;
            EndTurn();
            throw;
        }

        if (!flush.IsCompletedSuccessfully)
        {
            image.AddReference();
            _ = FinishAsync(flush, image);
            return true;
        }

        EndTurn();
        return flush.Result;
    }

    /// <summary>As <see cref="Transcoder.Media.Ports.IRunReceiver.Approach"/>.</summary>
    public void Approach()
    {
        _ = _closed;
        _ = Volatile.Read(ref _bytesWritten);
        output.Approach();
    }

    /// <summary>Lets what is queued leave, within <paramref name="deadline"/>, and ends the outgoing side.</summary>
    public async ValueTask CloseAsync(TimeSpan deadline)
    {
        using var timeout = new CancellationTokenSource(deadline, time);
        try
        {
            await _turn.TakeAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            // A flush hangs on a peer that does not read: it ends when the connection is aborted, so nobody else may touch the output.
            _closed = true;
            return;
        }

        // The turn is never given back: nothing is sent after this.
        var last = TakeQueued();
        _closed = true;
        try
        {
            if (last)
            {
                await FlushAsync();
            }
        }
        finally
        {
            await output.CompleteAsync();
        }
    }

    /// <summary>With the turn. What others have queued meanwhile goes first.</summary>
    private int SendNow(ReadOnlySpan<byte> messages)
    {
        if (_closed || _queued is not null)
        {
            return 0;
        }

        try
        {
            var sent = output.TrySend(messages);
            Count(sent);
            return sent;
        }
        catch (Exception exception) when (IsConnectionGone(exception))
        {
            _closed = true;
            return 0;
        }
        catch
        {
            // Nothing that is foreseen: what has left is unknown, so nothing may follow it. The caller's turn ends here.
            _closed = true;
            EndTurn();
            throw;
        }
    }

    private bool Queue(ReadOnlySpan<byte> messages)
    {
        lock (_queueLock)
        {
            if ((_queued?.WrittenCount ?? 0) + messages.Length > queueLimit)
            {
                return false;
            }

            _queued ??= new ArrayBufferWriter<byte>(messages.Length);
            _queued.Write(messages);
            return true;
        }
    }

    private bool HasQueued => !_closed && _queued is not null;

    /// <summary>The reading side sees the end too, and ends the session with the reason.</summary>
    private static bool IsConnectionGone(Exception exception) => exception is IOException or InvalidOperationException;

    /// <summary>Whoever queues looks for the turn afterwards, and whoever gives it back looks at the queue afterwards: one of them sees the other.</summary>
    private void EndTurn()
    {
        _turn.GiveBack();
        if (HasQueued && _turn.TryTake())
        {
            _ = DrainAsync();
        }
    }

    private async Task FinishAsync(ValueTask<bool> flush, WireImage image)
    {
        try
        {
            await flush;
        }
        catch (Exception exception) when (IsConnectionGone(exception))
        {
            _closed = true;
        }
        finally
        {
            image.Release();
            EndTurn();
        }
    }

    private async Task DrainAsync()
    {
        do
        {
            try
            {
                while (TakeQueued())
                {
                    await FlushAsync();
                }
            }
            catch (Exception exception) when (IsConnectionGone(exception))
            {
                _closed = true;
            }
            finally
            {
                _turn.GiveBack();
            }
        }
        while (HasQueued && _turn.TryTake());
    }

    private bool TakeQueued()
    {
        if (_queued is null)
        {
            return false;
        }

        ArrayBufferWriter<byte> leaving;
        lock (_queueLock)
        {
            if (_queued is null || _closed)
            {
                return false;
            }

            leaving = _queued;
            _queued = null;
        }

        Add(leaving.WrittenMemory);
        return true;
    }

    private void AddImages(List<WireImage> images, uint streamId)
    {
        const int Head = ChunkWriter.StreamIdOffset + 4;
        var patched = streamId != MessageMuxer.StreamId;
        if (patched && _heads.Length < images.Count * Head)
        {
            _heads = new byte[Math.Max(images.Count, 16) * Head];
        }

        for (var i = 0; i < images.Count; i++)
        {
            var isFirst = true;
            foreach (var part in images[i])
            {
                var bytes = part;
                if (patched && isFirst)
                {
                    var head = _heads.AsMemory(i * Head, Head);
                    bytes.Span[..ChunkWriter.StreamIdOffset].CopyTo(head.Span);
                    BinaryPrimitives.WriteUInt32LittleEndian(head.Span[ChunkWriter.StreamIdOffset..], streamId);
                    Add(head);
                    bytes = bytes[Head..];
                }

                isFirst = false;
                Add(bytes);
            }
        }
    }

    private void Add(ReadOnlyMemory<byte> bytes)
    {
        if (MemoryMarshal.TryGetArray(bytes, out var segment))
        {
            Add(segment);
        }
    }

    private void Add(ArraySegment<byte> bytes)
    {
        if (bytes.Count > 0)
        {
            output.Add(bytes);
            _flushBytes += bytes.Count;
        }
    }

    /// <summary>By one writer at a time, who has the turn.</summary>
    private void Count(int bytes)
    {
        Volatile.Write(ref _bytesWritten, _bytesWritten + bytes);
        statistics.Sent(bytes);
    }

    private ValueTask<bool> FlushAsync()
    {
        var bytes = _flushBytes;
        _flushBytes = 0;
        var flush = output.FlushAsync();
        var waits = !flush.IsCompletedSuccessfully;
        if (waits)
        {
            Volatile.Write(ref _flushStarted, time.GetTimestamp());
        }

        // Whoever sees that they were sent also sees that they wait.
        Count(bytes);
        return waits ? FinishFlushAsync(flush) : flush;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FinishFlushAsync(ValueTask<bool> flush)
    {
        try
        {
            return await flush;
        }
        finally
        {
            Volatile.Write(ref _flushStarted, 0);
        }
    }
}
