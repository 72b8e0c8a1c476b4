using Transcoder.FunctionalTests.Codecs;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline;
using Transcoder.Testing;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;

namespace Transcoder.FunctionalTests.Pipeline;

/// <summary>A whole worker in this process, over real codecs: a source goes through it from end to end.</summary>
internal sealed class WorkerRun : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly TrackingBufferPool _pool = new();
    private readonly Thread _worker;
    private readonly Dictionary<TrackKind, Track> _announced = [];
    private Reason _reason;

    public WorkerRun()
    {
        var (one, other) = DuplexStream.Pair();
        Daemon = new FakeDaemon(one);
        var worker = new IngestWorker(other, new FakeDevices([Coding.Cpu]), _pool, TimeProvider.System, new WorkerHello("1", "secret", Environment.ProcessId));
        _worker = new Thread(() => _reason = worker.Run()) { IsBackground = true };
        _worker.Start();
    }

    public FakeDaemon Daemon { get; }

    public static RenditionJob Rung(string name, int height, int bitrate, double maxFrameRate = 0, int bFrames = 0, AudioSpec? audio = null) =>
        new(new RenditionSpec(name, new VideoSpec(CodecId.H264, 0, height, bitrate, maxFrameRate, BFrames: bFrames), audio), MediaTime.MinValue, MediaTime.MinValue);

    public void Start(MediaTime keyframeInterval, params RenditionJob[] renditions) =>
        Daemon.Send(new TranscodeJob("live/clip", keyframeInterval, renditions, [DeviceRef.Cpu]));

    /// <summary>As a replay sends it: as fast as the worker takes it, far behind the source.</summary>
    public void Send(Packet packet, int lag = 60000)
    {
        var kind = packet.Track.Kind;
        if (!_announced.TryGetValue(kind, out var last) || !last.Equals(packet.Track))
        {
            _announced[kind] = packet.Track;
            Daemon.Send(packet.Track);
        }

        Daemon.SendPacket(kind, packet.Dts, packet.Pts, packet.IsKeyframe, packet.Payload.Span, lag, packet.Flags);
    }

    public Reason End()
    {
        Daemon.SendEndOfStream();
        Assert.True(_worker.Join(Patience), "the worker did not end");
        Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
        return _reason;
    }

    /// <summary>What the rendition sent, as packets of its tracks; the caller owns them.</summary>
    public List<Packet> Received(int rendition, TrackKind kind, Transcoder.Media.Buffers.MediaBufferPool pool)
    {
        Track? track = null;
        var packets = new List<Packet>();
        foreach (var message in Daemon.Messages.Where(message => message.Header.Number == rendition && message.Header.Kind == kind))
        {
            if (message.Header.Type == WorkerMessageType.Track)
            {
                track = message.Json<Track>();
            }
            else if (message.Header.Type == WorkerMessageType.Packet)
            {
                Assert.NotNull(track);
                packets.Add(Packet.Copy(pool, track, message.Header.Dts, message.Header.Pts, message.Header.Flags, message.Payload));
            }
        }

        return packets;
    }

    public void Dispose()
    {
        Daemon.Dispose();
        Assert.True(_worker.Join(Patience), "the worker did not end with its link");
        _pool.Dispose();
    }
}
