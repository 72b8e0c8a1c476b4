using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>A resource manager over a model of a machine, with a clock to turn by hand.</summary>
internal sealed class Machine
{
    public static readonly PlacementPolicy HardwareFirst = new(["nvenc", "qsv", "vaapi", "software"]);

    private int _processes = 1000;

    public Machine(ModelDriver driver, PlacementPolicy? policy = null, ResourceState? state = null)
    {
        Driver = driver;
        Manager = new ResourceManager(policy ?? HardwareFirst, 8, Clock, NullLogger<ResourceManager>.Instance, state);
        Probe();
    }

    public ModelDriver Driver { get; }

    public ResourceManager Manager { get; }

    public FakeTimeProvider Clock { get; } = new();

    /// <summary>An hd ladder at 30 frames a second: 102 million pixels a second.</summary>
    public static VideoEncoderSettings[] Hd => [Rung(1920, 1080), Rung(1280, 720), Rung(854, 480)];

    public static VideoEncoderSettings Rung(int width, int height, double rate = 30, string preset = "speed", CodecId codec = CodecId.H264) =>
        new(codec, width, height, rate, width * 3000, RateControl.Cbr, 1000, preset, "", "", 0, 120);

    /// <summary>Calibrated cards: so many pixels a second each.</summary>
    public static ResourceState Calibrated(ModelDriver driver, double encode) => ResourceState.Empty with
    {
        Calibrations = driver.Probe.Devices.ToDictionary(device => device.Id, device => new DeviceCalibration(
            device.Driver, new Dictionary<string, double> { ["h264"] = encode, ["hevc"] = encode / 1.3 }, new Dictionary<string, double> { ["h264"] = encode * 2 }, encode * 4)),
    };

    public ModelWorker Worker(string stream, Func<int, LeaseTerms>? terms = null) => new(Manager, Driver, stream, ++_processes, terms);

    /// <summary>As a stream starts: the decoder is chosen first, then the worker asks there.</summary>
    public ModelWorker Start(string stream, VideoEncoderSettings[] ladder, Func<int, LeaseTerms>? terms = null)
    {
        var worker = Worker(stream, terms);
        var track = new Track(TrackKind.Video, CodecId.H264, default, new VideoFormat(1920, 1080, 30));
        var order = Manager.DecodeOrder(worker, track, [.. ladder.Select((rung, i) => new RenditionSpec($"r{i}", new VideoSpec(rung.Codec, 0, rung.Height, rung.Bitrate), null))]);
        return worker.DecodesOn(order.Count > 0 ? order[0] : DeviceRef.Cpu).Ask(ladder).Settle();
    }

    public void Probe() => Manager.Apply(Driver.Probe);

    public void Sample()
    {
        foreach (var sample in Driver.Samples().ToArray())
        {
            Manager.Observe(sample);
        }
    }

    /// <summary>Seconds pass, each with what the daemon does in one.</summary>
    public void Pass(int seconds, params ModelWorker[] workers)
    {
        for (var i = 0; i < seconds; i++)
        {
            Clock.Advance(TimeSpan.FromSeconds(1));
            Sample();
            Manager.Tick();
            foreach (var worker in workers)
            {
                worker.Settle();
            }
        }
    }

    public DeviceStatus Device(string id) => Manager.Snapshot().Devices.Single(device => device.Report.Id == id);
}
