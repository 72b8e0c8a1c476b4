using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;

namespace Transcoder.Testing.Devices;

/// <summary>A probe and a monitor that say what a test tells them to.</summary>
public sealed class FakeDeviceProgram : IDeviceProgram
{
    private readonly Channel<object> _monitor = Channel.CreateBounded<object>(64);

    /// <summary>Reports that come before the last one of a probe, as devices answer; then it waits until <see cref="Answer"/> completes.</summary>
    public IReadOnlyList<ProbeReport> Earlier { get; set; } = [];

    /// <summary>Until then a card keeps the probe waiting.</summary>
    public Task Answer { get; set; } = Task.CompletedTask;

    /// <summary>Called for each probe; may throw.</summary>
    public Func<ProbeReport> Probing { get; set; } = () => new ProbeReport([TestMachines.Cpu], [], "fake");

    public int Probes { get; private set; }

    public int Monitors { get; private set; }

    public void Sample(params DeviceSample[] samples) => _monitor.Writer.TryWrite(new MonitorReport(samples));

    public void FailMonitor(string why) => _monitor.Writer.TryWrite(new DeviceProgramException(why));

    public async IAsyncEnumerable<ProbeReport> ProbeAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Probes++;
        foreach (var report in Earlier)
        {
            yield return report;
        }

        await Answer.WaitAsync(cancellationToken);
        yield return Probing();
    }

    public async IAsyncEnumerable<MonitorReport> MonitorAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Monitors++;
        while (true)
        {
            object next;
            try
            {
                next = await _monitor.Reader.ReadAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                yield break;
            }

            yield return next as MonitorReport ?? throw (Exception)next;
        }
    }
}

/// <summary>Machines without hardware of their own.</summary>
public static class TestMachines
{
    public static DeviceReport Cpu { get; } = new(
        "cpu", "CPU", "cpu", "", "fake", false, 0, false,
        [
            .. new[] { CodecId.H264, CodecId.Hevc, CodecId.Vp9, CodecId.Av1 }.Select(codec => new EngineCapability(EngineKind.Encode, "software", codec, codec.Name(), 0, 0, 8, null)),
            new EngineCapability(EngineKind.Scale, "software", null, "swscale", 0, 0, 0, null),
            new EngineCapability(EngineKind.Decode, "software", CodecId.H264, "h264", 0, 0, 0, null),
        ],
        []);

    /// <summary>A resource manager that knows a CPU, of which nobody runs short.</summary>
    public static ResourceManager CpuOnly(TimeProvider clock)
    {
        var resources = new ResourceManager(new PlacementPolicy(["software"]), 64, clock, NullLogger<ResourceManager>.Instance);
        resources.Apply(new ProbeReport([Cpu], [], "fake"));
        return resources;
    }
}
