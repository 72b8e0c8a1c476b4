using Microsoft.Extensions.Time.Testing;
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

namespace Transcoder.UnitTests.Pipeline;

/// <summary>A worker over fake codecs with a fake daemon at its other end. Disposing it checks that nothing is left.</summary>
internal sealed class WorkerBench : IDisposable
{
    public static readonly Track VideoTrack = new(TrackKind.Video, CodecId.H264, new byte[] { 1 }, new VideoFormat(1920, 1080, 25));
    public static readonly Track AudioTrack = new(TrackKind.Audio, CodecId.Aac, new byte[] { 2 }, Audio: new AudioFormat(48000, 2));

    private readonly TrackingBufferPool _pool = new();
    private readonly Thread _worker;
    private Reason _reason;

    public WorkerBench(params FakeDevice[] devices)
        : this(null, devices)
    {
    }

    public WorkerBench(FakeLedger? ledger, params FakeDevice[] devices)
    {
        // The CPU is always there.
        Devices = [.. devices, .. devices.Any(device => device.Id == "cpu") ? (FakeDevice[])[] : [new FakeDevice()]];
        var (one, other) = DuplexStream.Pair();
        Ledger = ledger ?? new FakeLedger();
        Daemon = new FakeDaemon(one) { Ledger = Ledger };
        WorkerEnd = other;
        var worker = new IngestWorker(other, new FakeDevices(Devices), _pool, Time, new WorkerHello("1", "secret", 42));
        _worker = new Thread(() => _reason = worker.Run()) { IsBackground = true };
        _worker.Start();
    }

    public FakeDevice[] Devices { get; }

    public FakeDevice Device => Devices[0];

    public FakeTimeProvider Time { get; } = new();

    public FakeDaemon Daemon { get; }

    public FakeLedger Ledger { get; }

    public DuplexStream WorkerEnd { get; }

    public IReadOnlyList<DeviceRef> DecodeOrder { get; init; } = [DeviceRef.Cpu];

    public static RenditionSpec Rung(string name, int height, double maxFrameRate = 0, int bFrames = 0, AudioSpec? audio = null) =>
        new(name, new VideoSpec(CodecId.H264, 0, height, 1_000_000, maxFrameRate, BFrames: bFrames), audio);

    public static RenditionJob Fresh(RenditionSpec spec) => new(spec, MediaTime.MinValue, MediaTime.MinValue);

    public static MediaTime Ms(long milliseconds) => MediaTime.FromMilliseconds(milliseconds);

    public void Start(params RenditionJob[] renditions) => Daemon.Send(new TranscodeJob("live/a", Ms(1000), renditions, DecodeOrder));

    /// <summary>Pictures 40 ms apart with a keyframe each ten, from <paramref name="from"/> on.</summary>
    public void SendPictures(int from, int count, int lag = 0)
    {
        for (var i = from; i < from + count; i++)
        {
            Daemon.SendPacket(TrackKind.Video, Ms(i * 40), Ms(i * 40), (i - from) % 10 == 0, FakePayload.Picture, lag);
        }
    }

    public Reason Wait()
    {
        Assert.True(_worker.Join(TimeSpan.FromSeconds(10)), "the worker did not end");
        return _reason;
    }

    public Reason EndSource()
    {
        Daemon.SendEndOfStream();
        Daemon.WaitFor(daemon => daemon.Messages.Any(message => message.Header.Type == WorkerMessageType.Ended), "the end");
        var reason = Wait();
        Assert.Empty(Ledger.Held);
        return reason;
    }

    public void Dispose()
    {
        Daemon.Dispose();
        Assert.True(_worker.Join(TimeSpan.FromSeconds(10)), "the worker did not end with its link");
        Assert.All(Devices, device => Assert.Equal((0, 0), (device.LiveFrames, device.OpenCodecs)));
        _pool.Dispose();
    }
}
