using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Text.Json;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Workers;

namespace Transcoder.Testing.Links;

/// <summary>A worker without a process, over a link in memory: it says what the test makes it say and keeps what the daemon sends.</summary>
public sealed class FakeWorker : IWorker
{
    private readonly Stream _toDaemon;
    private readonly Stream _fromDaemon;
    private readonly TaskCompletionSource<TranscodeJob> _job = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _sourceEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<WorkerExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FakeWorker(int processId)
    {
        ProcessId = processId;
        var up = new Pipe(new PipeOptions(useSynchronizationContext: false));
        var down = new Pipe(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
        Link = new TwoWayStream(up.Reader.AsStream(), down.Writer.AsStream());
        _toDaemon = up.Writer.AsStream();
        _fromDaemon = down.Reader.AsStream();
        _ = ReadAsync();
    }

    public int ProcessId { get; }

    public Stream Link { get; }

    public Task<WorkerExit> Exited => _exited.Task;

    public Task<TranscodeJob> Job => _job.Task;

    /// <summary>Completes when the daemon says that the source has ended.</summary>
    public Task SourceEnded => _sourceEnded.Task;

    public bool IsKilled { get; private set; }

    /// <summary>Killing it does nothing until it dies at last.</summary>
    public bool HeldInKernel { get; init; }

    public bool IsDisposed { get; private set; }

    /// <summary>Presentation times of the pictures that came.</summary>
    public ConcurrentQueue<long> Pictures { get; } = new();

    /// <summary>What the daemon granted or refused.</summary>
    public ConcurrentQueue<LeaseGrant> Grants { get; } = new();

    /// <summary>Orders to decode elsewhere.</summary>
    public ConcurrentQueue<DecodeMove> Moves { get; } = new();

    public void Kill()
    {
        IsKilled = true;
        if (HeldInKernel)
        {
            _toDaemon.Dispose();
            return;
        }

        Die(128 + 9);
    }

    /// <param name="status">As a shell says it.</param>
    public void Die(int status)
    {
        _toDaemon.Dispose();
        _exited.TrySetResult(new WorkerExit(status));
    }

    public async ValueTask DisposeAsync()
    {
        IsDisposed = true;
        Kill();
        await Exited;
    }

    public void Start(int rendition, Track? video = null)
    {
        Send(WorkerMessageType.RenditionStarted, new RenditionStarted("cpu", "software", "fake", "fake", 1280, 720, 30, new Media.Reason("device_order", "the only one")), rendition);
        SendTrack(rendition, video ?? TestPackets.VideoTrack);
    }

    public void SendTrack(int rendition, Track track) => Send(WorkerMessageType.Track, track, rendition, track.Kind);

    public void Picture(int rendition, long pts, long? dts = null, bool keyframe = false, bool boundary = true) => SendRaw(
        new WorkerMessageHeader(4, WorkerMessageType.Packet, TrackKind.Video, keyframe ? PacketFlags.Keyframe : PacketFlags.None,
            boundary ? WorkerPacketFlags.Boundary : WorkerPacketFlags.None, rendition, MediaTime.FromMilliseconds(dts ?? pts), MediaTime.FromMilliseconds(pts)),
        [1, 2, 3, 4]);

    public void Report(params RenditionReport[] renditions) => Send(WorkerMessageType.Report, new WorkerReport(0, 0, 0, 0, 1, 0, renditions));

    public void EndRendition(int rendition, Media.Reason reason) => Send(WorkerMessageType.RenditionEnded, reason, rendition);

    public void End(string code) => Send(WorkerMessageType.Ended, new Media.Reason(code, ""));

    public void Send<T>(WorkerMessageType type, T value, int rendition = 0, TrackKind kind = default)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(value, typeof(T), WorkerJson.Default);
        SendRaw(new WorkerMessageHeader(payload.Length, type, kind, Number: rendition), payload);
    }

    public void SendRaw(in WorkerMessageHeader header, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[WorkerMessageHeader.Size + payload.Length];
        header.Write(bytes);
        payload.CopyTo(bytes.AsSpan(WorkerMessageHeader.Size));
        SendBytes(bytes);
    }

    public void SendBytes(ReadOnlySpan<byte> bytes)
    {
        _toDaemon.Write(bytes);
        _toDaemon.Flush();
    }

    private async Task ReadAsync()
    {
        var head = new byte[WorkerMessageHeader.Size];
        while (await _fromDaemon.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            var header = WorkerMessageHeader.Read(head);
            var payload = new byte[header.PayloadLength];
            await _fromDaemon.ReadExactlyAsync(payload);
            switch (header.Type)
            {
                case WorkerMessageType.Job:
                    _job.SetResult(JsonSerializer.Deserialize(payload, WorkerJson.Default.TranscodeJob)!);
                    break;
                case WorkerMessageType.Packet when header.Kind == TrackKind.Video:
                    Pictures.Enqueue(header.Pts.Milliseconds);
                    break;
                case WorkerMessageType.LeaseGrant:
                    Grants.Enqueue(JsonSerializer.Deserialize(payload, WorkerJson.Default.LeaseGrant)!);
                    break;
                case WorkerMessageType.DecodeMove:
                    Moves.Enqueue(JsonSerializer.Deserialize(payload, WorkerJson.Default.DecodeMove)!);
                    break;
                case WorkerMessageType.EndOfStream:
                    _sourceEnded.SetResult();
                    break;
            }
        }
    }

    private sealed class TwoWayStream(Stream input, Stream output) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => output.WriteAsync(buffer, cancellationToken);

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
