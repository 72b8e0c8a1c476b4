using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Rtmp.Connections;

/// <summary>
/// The outgoing side of a connection, shared by those who answer and those who send media. Answers never wait: while a flush is under way they queue, bounded,
/// and leave with the next one. Media wait their turn and then for the flush, which is how a slow reader is felt. Safe from any thread.
/// </summary>
internal sealed class ConnectionWriter(PipeWriter output, TimeProvider time, RtmpStatistics statistics, int queueLimit)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly ArrayBufferWriter<byte> _queued = new(512);
    private readonly Lock _queueLock = new();
    private long _flushStarted;
    private long _bytesWritten;
    private volatile bool _closed;

    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    /// <summary>How long the flush under way has taken so far; zero when there is none.</summary>
    public TimeSpan Stalled => Interlocked.Read(ref _flushStarted) is var started and not 0 ? time.GetElapsedTime(started) : TimeSpan.Zero;

    /// <summary>Sends or queues whole messages, without waiting.</summary>
    /// <returns>False when the queue is full: the peer asks and does not read.</returns>
    public bool Send(ReadOnlySpan<byte> messages)
    {
        lock (_queueLock)
        {
            if (_queued.WrittenCount + messages.Length > queueLimit)
            {
                return false;
            }

            _queued.Write(messages);
        }

        if (_turn.Wait(0))
        {
            _ = DrainAsync();
        }

        return true;
    }

    /// <summary>Copies the images into the connection's pipe and flushes once. This is the one place that a gather write would replace.</summary>
    /// <param name="streamId">The message stream; images are made for <see cref="MessageMuxer.StreamId"/> and patched in the copy where it differs.</param>
    /// <returns>False when the connection takes no more.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> WriteAsync(List<WireImage> images, uint streamId, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        bool open;
        try
        {
            TakeQueued();
            foreach (var image in images)
            {
                Copy(image, streamId);
            }

            open = await FlushAsync();
        }
        finally
        {
            _turn.Release();
        }

        if (HasQueued && _turn.Wait(0))
        {
            _ = DrainAsync();
        }

        return open;
    }

    /// <summary>Lets what is queued leave, within <paramref name="deadline"/>, and ends the outgoing side.</summary>
    public async ValueTask CloseAsync(TimeSpan deadline)
    {
        using var timeout = new CancellationTokenSource(deadline, time);
        try
        {
            await _turn.WaitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            // A flush hangs on a peer that does not read: it ends when the connection is aborted, so nobody else may touch the pipe.
            output.CancelPendingFlush();
            _closed = true;
            return;
        }

        _closed = true;
        TakeQueued();
        await output.CompleteAsync();
    }

    private bool HasQueued
    {
        get
        {
            lock (_queueLock)
            {
                return !_closed && _queued.WrittenCount > 0;
            }
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
            catch (Exception exception) when (exception is IOException or InvalidOperationException or ObjectDisposedException)
            {
                // The connection is gone: the reading side sees it too and ends the session with the reason.
                _closed = true;
            }
            finally
            {
                _turn.Release();
            }
        }
        while (HasQueued && _turn.Wait(0));
    }

    private bool TakeQueued()
    {
        lock (_queueLock)
        {
            if (_queued.WrittenCount == 0 || _closed)
            {
                return false;
            }

            output.Write(_queued.WrittenSpan);
            Count(_queued.WrittenCount);
            _queued.ResetWrittenCount();
            return true;
        }
    }

    private void Copy(WireImage image, uint streamId)
    {
        var bytes = image.Bytes;
        if (streamId == MessageMuxer.StreamId)
        {
            output.Write(bytes);
        }
        else
        {
            var head = output.GetSpan(ChunkWriter.StreamIdOffset + 4);
            bytes[..ChunkWriter.StreamIdOffset].CopyTo(head);
            BinaryPrimitives.WriteUInt32LittleEndian(head[ChunkWriter.StreamIdOffset..], streamId);
            output.Advance(ChunkWriter.StreamIdOffset + 4);
            output.Write(bytes[(ChunkWriter.StreamIdOffset + 4)..]);
        }

        Count(bytes.Length);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FlushAsync()
    {
        Interlocked.Exchange(ref _flushStarted, time.GetTimestamp());
        try
        {
            var result = await output.FlushAsync(CancellationToken.None);
            return !result.IsCompleted && !result.IsCanceled;
        }
        finally
        {
            Interlocked.Exchange(ref _flushStarted, 0);
        }
    }

    private void Count(int bytes)
    {
        Interlocked.Add(ref _bytesWritten, bytes);
        statistics.Sent(bytes);
    }
}
