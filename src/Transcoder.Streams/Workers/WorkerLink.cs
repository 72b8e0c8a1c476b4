using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Workers;

/// <summary>The daemon's end of a worker's link: one reader, one that stages and flushes, and anyone who posts a message between the batches.</summary>
internal sealed class WorkerLink : IDisposable
{
    private const int StagingBytes = 64 * 1024;

    private readonly Stream _stream;
    private readonly Stream _input;
    private readonly MediaBufferPool _pool;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly byte[] _head = new byte[WorkerMessageHeader.Size];
    private byte[] _staging = new byte[StagingBytes];
    private int _staged;

    public WorkerLink(Stream stream, MediaBufferPool pool)
    {
        _stream = stream;
        _input = new BufferedStream(stream, StagingBytes);
        _pool = pool;
    }

    public void Stage<T>(WorkerMessageType type, T value, JsonTypeInfo<T> json, TrackKind kind = default) =>
        Stage(new WorkerMessageHeader(0, type, kind), JsonSerializer.SerializeToUtf8Bytes(value, json));

    public void Stage(Packet packet, int lagMilliseconds) =>
        Stage(new WorkerMessageHeader(0, WorkerMessageType.Packet, packet.Track.Kind, packet.Flags, default, 0, packet.Dts, packet.Pts, lagMilliseconds), packet.Payload.Span);

    public void Stage(WorkerMessageType type) => Stage(new WorkerMessageHeader(0, type), []);

    public bool HasRoom => _staged < StagingBytes;

    /// <summary>Writes what was staged: one system call for a batch.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_staged > 0)
        {
            await WriteAsync(_staging.AsMemory(0, _staged), cancellationToken).ConfigureAwait(false);
            _staged = 0;
        }
    }

    /// <summary>Writes a message at once, from any loop.</summary>
    public ValueTask PostAsync<T>(WorkerMessageType type, int number, T value, JsonTypeInfo<T> json, CancellationToken cancellationToken)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(value, json);
        var message = new byte[WorkerMessageHeader.Size + payload.Length];
        new WorkerMessageHeader(payload.Length, type, Number: number).Write(message);
        payload.CopyTo(message, WorkerMessageHeader.Size);
        return WriteAsync(message, cancellationToken);
    }

    public void Dispose() => _writing.Dispose();

    /// <summary>The next message, or null at the link's end. A payload comes in a pooled block that the caller owns.</summary>
    /// <exception cref="InvalidDataException">The link is out of step.</exception>
    public async ValueTask<(WorkerMessageHeader Header, MediaBuffer? Body)?> ReadAsync(CancellationToken cancellationToken)
    {
        var got = await _input.ReadAtLeastAsync(_head, _head.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (got < _head.Length)
        {
            return null;
        }

        var header = WorkerMessageHeader.Read(_head);
        var body = _pool.Rent(header.PayloadLength);
        try
        {
            await _input.ReadExactlyAsync(body.Memory[..header.PayloadLength], cancellationToken).ConfigureAwait(false);
            return (header, body);
        }
        catch
        {
            body.Release();
            throw;
        }
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _stream.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    private void Stage(WorkerMessageHeader header, ReadOnlySpan<byte> payload)
    {
        var size = WorkerMessageHeader.Size + payload.Length;
        if (_staged + size > _staging.Length)
        {
            Array.Resize(ref _staging, Math.Max(_staging.Length * 2, _staged + size));
        }

        (header with { PayloadLength = payload.Length }).Write(_staging.AsSpan(_staged));
        payload.CopyTo(_staging.AsSpan(_staged + WorkerMessageHeader.Size));
        _staged += size;
    }
}
