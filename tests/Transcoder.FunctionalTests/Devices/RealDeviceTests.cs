using System.Text.Json;
using Transcoder.Codecs;
using Transcoder.Codecs.Libav;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.FunctionalTests.Codecs;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Devices;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>What only a real GPU can prove. Skipped, and counted, where there is none: `make test-device`.</summary>
public sealed class RealDeviceTests
{
    private static readonly Lazy<Task<ProbeReport>> Probe = new(ProbeAsync);

    [Fact]
    public async Task Every_card_scales_and_its_pictures_are_right()
    {
        foreach (var card in await CardsAsync())
        {
            foreach (var scaling in Usable(card, engine => engine.Engine == EngineKind.Scale))
            {
                using var pictures = new TestPictures();
                using var scaler = DeviceCatalog.Open(new DeviceRef(card.Id, scaling.Kind)).OpenScaler(new VideoFormat(640, 360, 30));
                using var down = Coding.Cpu.OpenScaler(new VideoFormat(640, 360, 30));
                var source = pictures.Video(1920, 1080, Coding.JitteredTime(0), flat: 90);
                var there = scaler.Scale(source);
                var back = down.Scale(there);
                Assert.All(TestPictures.Plane((LibavFrame)back, 0, 640), luma => Assert.InRange(luma, 88, 92));
                Coding.Release([source, there, back]);
            }
        }
    }

    [Fact]
    public async Task Every_card_decodes_h264_and_the_frames_stay_on_it()
    {
        foreach (var card in await CardsAsync())
        {
            foreach (var decoding in Usable(card, engine => engine is { Engine: EngineKind.Decode, Codec: CodecId.H264 }))
            {
                AssertExact(card, decoding);
            }
        }

        static void AssertExact(DeviceReport card, EngineCapability decoding)
        {
            var pool = new MediaBufferPool();
            using var pictures = new TestPictures();
            using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264, 640, 360));
            var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 60).Select(i => (pictures.Video(640, 360, Coding.JitteredTime(i), i), i == 0)));
            using var decoder = DeviceCatalog.Open(new DeviceRef(card.Id, decoding.Kind)).OpenDecoder(encoder.Track);
            using var inSoftware = Coding.Cpu.OpenDecoder(encoder.Track);
            using var down = Coding.Cpu.OpenScaler(new VideoFormat(640, 360, 30));
            var frames = Coding.Decode(decoder, packets);
            var expected = Coding.Decode(inSoftware, packets);
            Assert.Equal(expected.Select(frame => frame.Pts), frames.Select(frame => frame.Pts));
            Assert.All(frames, frame => Assert.True(frame.IsHardware));

            // H.264 decoding is exact: every decoder gives the same samples.
            var last = (LibavFrame)down.Scale(frames[^1]);
            Assert.Equal(TestPictures.Plane(expected[^1], 0, 640), TestPictures.Plane(last, 0, 640));
            Coding.Release([.. frames, .. expected, last]);
            Coding.Release(packets);
        }
    }

    [Fact]
    public async Task Every_card_encodes_or_says_that_it_has_no_encode_engine()
    {
        foreach (var card in await CardsAsync())
        {
            var encodes = card.Engines.Any(engine => engine is { Engine: EngineKind.Encode, IsUsable: true });
            Assert.Equal(!encodes, card.Findings.Any(finding => finding.Code == Reasons.NoEncodeEngine));
        }
    }

    [Fact]
    public async Task The_monitor_has_figures_of_every_card()
    {
        var cards = await CardsAsync();
        await using var monitor = ChildProcess.Start(RunningAppliance.Program, "worker", "monitor");
        await Polling.UntilAsync(() => monitor.Lines.Any(IsReport), "a line of the monitor");
        var report = JsonSerializer.Deserialize(monitor.Lines.First(IsReport), DeviceJson.Default.MonitorReport)!;
        foreach (var card in cards)
        {
            var sample = Assert.Single(report.Devices, device => device.Device == card.Id);
            Assert.True(card.MemoryBytes == 0 || sample.MemoryTotalBytes > 0);

            // The kernel has no thermometer for a GPU inside a processor.
            Assert.True(sample.TemperatureCelsius is > 0 and < 120 || (sample.TemperatureCelsius is null && card.Vendor != "nvidia"));
        }

        static bool IsReport(string line) => line.StartsWith('{');
    }

    /// <summary>Over every interface that the card has (an Intel GPU has two), each of which must work.</summary>
    private static IReadOnlyList<EngineCapability> Usable(DeviceReport card, Func<EngineCapability, bool> which)
    {
        var engines = card.Engines.Where(which).ToList();
        Assert.NotEmpty(engines);
        Assert.All(engines, engine => Assert.True(engine.IsUsable, engine.Refusal?.Detail));
        return engines;
    }

    private static async Task<IReadOnlyList<DeviceReport>> CardsAsync()
    {
        var cards = (await Probe.Value).Devices.Where(device => device is { Vendor: not "cpu", IsSimulated: false }).ToList();
        Assert.SkipWhen(cards.Count == 0, "no real GPU here");
        return cards;
    }

    private static async Task<ProbeReport> ProbeAsync()
    {
        RunningAppliance.RequireProgram();
        var lines = (await ChildProcess.RunAsync(RunningAppliance.Program, "worker", "probe")).Trim().Split('\n');
        return JsonSerializer.Deserialize(lines[^1], DeviceJson.Default.ProbeReport)!;
    }
}
