using System.Text.Json;
using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Testing.Links;

/// <summary>A message that the worker sent.</summary>
public sealed record WorkerMessage(WorkerMessageHeader Header, byte[] Payload)
{
    public T Json<T>() => (T)JsonSerializer.Deserialize(Payload, typeof(T), WorkerJson.Default)!;
}

/// <summary>The daemon's end of a worker link: sends what a test tells it, and keeps everything that comes back.</summary>
public sealed class FakeDaemon : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Stream _link;
    private readonly object _gate = new();
    private readonly Lock _writing = new();
    private readonly List<WorkerMessage> _messages = [];
    private readonly Thread _reader;
    private bool _closed;

    public FakeDaemon(Stream link)
    {
        _link = link;
        _reader = new Thread(Read) { IsBackground = true, Name = "fake daemon" };
        _reader.Start();
    }

    /// <summary>Answers the worker's requests for places; called on the thread that reads. Null: nobody answers.</summary>
    public FakeLedger? Ledger { get; init; } = new();

    public IReadOnlyList<WorkerMessage> Messages
    {
        get
        {
            lock (_gate)
            {
                return [.. _messages];
            }
        }
    }

    public IReadOnlyList<WorkerMessage> Packets(int rendition, TrackKind kind) =>
        [.. Messages.Where(message => message.Header.Type == WorkerMessageType.Packet && message.Header.Number == rendition && message.Header.Kind == kind)];

    public IReadOnlyList<MediaTime> Times(int rendition, TrackKind kind = TrackKind.Video) => [.. Packets(rendition, kind).Select(message => message.Header.Pts)];

    public IReadOnlyList<MediaTime> Keyframes(int rendition) =>
        [.. Packets(rendition, TrackKind.Video).Where(message => (message.Header.Flags & PacketFlags.Keyframe) != 0).Select(message => message.Header.Pts)];

    public IReadOnlyList<T> All<T>(WorkerMessageType type) => [.. Messages.Where(message => message.Header.Type == type).Select(message => message.Json<T>())];

    public Reason? RenditionEnd(int rendition) =>
        Messages.LastOrDefault(message => message.Header.Type == WorkerMessageType.RenditionEnded && message.Header.Number == rendition)?.Json<Reason>();

    public RenditionReport LastReport(int rendition) => All<WorkerReport>(WorkerMessageType.Report)[^1].Renditions[rendition];

    public void Send(TranscodeJob job) => SendJson(WorkerMessageType.Job, job, typeof(TranscodeJob), default);

    public void Send(Track track) => SendJson(WorkerMessageType.Track, track, typeof(Track), track.Kind);

    public void SendPacket(TrackKind kind, MediaTime dts, MediaTime pts, bool keyframe, ReadOnlySpan<byte> payload, int lag = 0, PacketFlags flags = default) =>
        SendRaw(
            new WorkerMessageHeader(payload.Length, WorkerMessageType.Packet, kind, flags | (keyframe ? PacketFlags.Keyframe : 0), Dts: dts, Pts: pts, LagMilliseconds: lag),
            payload);

    public void Send(LeaseGrant grant) => SendJson(WorkerMessageType.LeaseGrant, grant, typeof(LeaseGrant), default);

    public void Send(DecodeMove move) => SendJson(WorkerMessageType.DecodeMove, move, typeof(DecodeMove), default);

    public void SendEndOfStream() => SendRaw(new WorkerMessageHeader(0, WorkerMessageType.EndOfStream), []);

    public void SendRaw(in WorkerMessageHeader header, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[WorkerMessageHeader.Size + payload.Length];
        header.Write(bytes);
        payload.CopyTo(bytes.AsSpan(WorkerMessageHeader.Size));
        lock (_writing)
        {
            _link.Write(bytes);
        }
    }

    /// <summary>Waits until what has come fulfils the condition.</summary>
    public void WaitFor(Func<FakeDaemon, bool> condition, string what)
    {
        var start = TimeProvider.System.GetTimestamp();
        lock (_gate)
        {
            while (!condition(this))
            {
                if (_closed || TimeProvider.System.GetElapsedTime(start) > Patience)
                {
                    throw new TimeoutException($"{what}: never came; messages: {string.Join(", ", _messages.GroupBy(m => m.Header.Type).Select(g => $"{g.Count()} {g.Key}"))}");
                }

                Monitor.Wait(_gate, Patience);
            }
        }
    }

    /// <summary>Whether the condition was fulfilled within a short time.</summary>
    public bool Saw(Func<FakeDaemon, bool> condition, TimeSpan within)
    {
        lock (_gate)
        {
            return condition(this) || (Monitor.Wait(_gate, within) && condition(this));
        }
    }

    /// <summary>The daemon dies.</summary>
    public void Close() => _link.Dispose();

    public void Dispose()
    {
        _link.Dispose();
        _reader.Join(Patience);
    }

    private void SendJson(WorkerMessageType type, object value, Type clrType, TrackKind kind)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(value, clrType, WorkerJson.Default);
        SendRaw(new WorkerMessageHeader(payload.Length, type, kind), payload);
    }

    private void Read()
    {
        var head = new byte[WorkerMessageHeader.Size];
        while (_link.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            var header = WorkerMessageHeader.Read(head);
            var payload = new byte[header.PayloadLength];
            _link.ReadExactly(payload);
            lock (_gate)
            {
                _messages.Add(new WorkerMessage(header, payload));
                Monitor.PulseAll(_gate);
            }

            try
            {
                Ledger?.Note(_messages[^1], Send);
            }
            catch (IOException)
            {
                // The worker has ended before its answer: what it sent until then is still read.
            }
        }

        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }
}
