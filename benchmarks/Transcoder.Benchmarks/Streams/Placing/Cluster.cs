using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Resources;

namespace Transcoder.Benchmarks.Streams.Placing;

/// <summary>100 cards of mixed kinds, and the streams that come and go.</summary>
internal static class Cluster
{
    public static readonly PlacementPolicy Policy = new(["nvenc", "qsv", "vaapi"]);

    /// <summary>Kind, how many, pixels a second of H.264, consumer card, encodes.</summary>
    private static readonly (string Kind, int Count, double Capacity, bool Consumer, bool Encodes)[] Cards =
    [
        ("nvenc", 15, 3_000e6, false, true),
        ("nvenc", 30, 1_400e6, false, true),
        ("nvenc", 10, 1_600e6, true, true),
        ("qsv", 25, 700e6, false, true),
        ("vaapi", 15, 400e6, false, true),
        ("nvenc", 5, 0, false, false),
    ];

    private static readonly VideoEncoderSettings[][] Ladders =
    [
        [Rung(1920, 1080, 60), Rung(1280, 720, 60), Rung(854, 480, 30), Rung(640, 360, 30)],
        [Rung(1920, 1080, 30), Rung(1280, 720, 30), Rung(854, 480, 30)],
        [Rung(1280, 720, 30), Rung(640, 360, 30)],
        [Rung(1280, 720, 30, CodecId.Hevc), Rung(854, 480, 30)],
        [Rung(854, 480, 25), Rung(426, 240, 25)],
    ];

    public static ProbeReport Probe()
    {
        var devices = new List<DeviceReport>();
        foreach (var (kind, count, _, consumer, encodes) in Cards)
        {
            for (var i = 0; i < count; i++)
            {
                devices.Add(Card($"gpu-{devices.Count:00}", kind, consumer, encodes));
            }
        }

        // Cards stand in a machine in no order of strength.
        var random = new Random(1);
        return new ProbeReport([.. devices.OrderBy(_ => random.Next())], [], "");
    }

    public static ResourceState State(ProbeReport probe)
    {
        var capacities = Cards.SelectMany(card => Enumerable.Repeat(card.Capacity, card.Count)).ToArray();
        return ResourceState.Empty with
        {
            Calibrations = probe.Devices.ToDictionary(device => device.Id, device =>
            {
                var capacity = capacities[int.Parse(device.Id["gpu-".Length..])];
                var encode = capacity > 0 ? new Dictionary<string, double> { ["h264"] = capacity, ["hevc"] = capacity / 1.3 } : [];
                return new DeviceCalibration(device.Driver, encode, new Dictionary<string, double> { ["h264"] = Math.Max(capacity * 2, 1_500e6) }, Math.Max(capacity * 4, 6_000e6));
            }),
        };
    }

    public static VideoEncoderSettings[] Ladder(Random random) => Ladders[random.Next(Ladders.Length)];

    public static VideoEncoderSettings Rung(int width, int height, double rate, CodecId codec = CodecId.H264) =>
        new(codec, width, height, rate, width * 3000, RateControl.Cbr, 1000, "speed", "", "", 0, (int)rate * 4);

    private static DeviceReport Card(string id, string kind, bool consumer, bool encodes)
    {
        var engines = new List<EngineCapability> { new(EngineKind.Scale, kind, null, "scale", 0, 0, 0, null) };
        foreach (var codec in new[] { CodecId.H264, CodecId.Hevc })
        {
            engines.Add(new EngineCapability(EngineKind.Decode, kind, codec, "decoder", 8192, 8192, 0, null));
            if (encodes)
            {
                engines.Add(new EngineCapability(EngineKind.Encode, kind, codec, "encoder", 4096, 4096, 0, null));
            }
        }

        return new DeviceReport(id, id, kind == "nvenc" ? "nvidia" : "intel", "", "1", false, 16L << 30, consumer, engines, [new Reason(Reasons.SimulatedDriver, "of the benchmark")]);
    }
}
