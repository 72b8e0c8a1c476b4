using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Prometheus;
using Transcoder.Host.Api;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Resources;
using Transcoder.UnitTests.Host.Serving;
using Transcoder.UnitTests.Streams;
using Xunit;

namespace Transcoder.UnitTests.Host.Api;

/// <summary>What a dashboard reads of devices and sessions: the metrics and the API say the same.</summary>
public sealed class DeviceMetricsTests : IAsyncDisposable
{
    private const string Gpu = "{device=\"gpu-0\",kind=\"nvenc\",name=\"gpu-0\"";

    private readonly ModelDriver _driver = new ModelDriver { Cap = 1 }.Gpu("gpu-0");
    private readonly FakeDeviceProgram _program = new();
    private readonly ResourceManager _resources;
    private readonly DeviceWatch _watch;

    public DeviceMetricsTests()
    {
        var free = new ProbeReport([TestMachines.Cpu, .. _driver.Probe.Devices], [new Reason(Reasons.NoDriver, "no VA-API")], "fake 1.0");
        _program.Probing = () => free;
        _resources = new ResourceManager(new PlacementPolicy(["nvenc", "software"]), 4, TimeProvider.System, NullLogger<ResourceManager>.Instance);
        _watch = new DeviceWatch(_program, _resources, TimeProvider.System, NullLogger<DeviceWatch>.Instance);
    }

    public ValueTask DisposeAsync() => _watch.DisposeAsync();

    [Fact]
    public async Task Every_figure_that_a_device_gives_has_a_series_and_what_it_does_not_give_has_none()
    {
        _program.Sample(new DeviceSample(
            "gpu-0", 0.5, 0.25, null, 3L << 20, 8L << 20, 61, null, 1.5e9, ["power_cap"], [new EncoderSessionSample(99, "h264", 1280, 720, 30)], null));
        await Eventual.HoldsAsync(() => _resources.Snapshot().Devices.Any(device => device.ForeignSessions == 1));
        var text = await ScrapeAsync();
        foreach (var line in new[]
        {
            $"transcoder_device_utilisation_ratio{Gpu},engine=\"encode\"}} 0.5",
            $"transcoder_device_utilisation_ratio{Gpu},engine=\"decode\"}} 0.25",
            $"transcoder_device_memory_used_bytes{Gpu}}} 3145728",
            $"transcoder_device_temperature_celsius{Gpu}}} 61",
            $"transcoder_device_clock_hertz{Gpu}}} 1500000000",
            $"transcoder_device_throttled{Gpu},reason=\"power_cap\"}} 1",
            $"transcoder_device_encoder_sessions{Gpu},owner=\"foreign\"}} 1",
            $"transcoder_device_info{Gpu},health=\"sound\",reason=\"\",driver=\"570.1\",simulated=\"yes\"}} 1",
            "transcoder_device_load{device=\"gpu-0\",kind=\"nvenc\",name=\"gpu-0\",engine=\"encode\",owner=\"foreign\"} 27648000",
            "transcoder_device_capacity{device=\"cpu\",kind=\"software\",name=\"CPU\",engine=\"encode\"} 4",
            "transcoder_device_monitor_up 1",
        })
        {
            Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("engine=\"compute\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("transcoder_device_power_watts{device=\"gpu-0\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("transcoder_device_encoder_sessions_cap{", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sessions_and_why_they_are_there_are_shown_and_no_secret()
    {
        var worker = new ModelWorker(_resources, _driver, "live/show", 4711).Ask(Rung(1280, 720), Rung(854, 480)).Settle();
        worker.Fail(0, LeaseOutcome.EncoderFailed, "broken pipe");
        worker.Settle();
        var text = await ScrapeAsync();
        foreach (var line in new[]
        {
            $"transcoder_device_encoder_sessions{Gpu},owner=\"ours\"}} 0",
            $"transcoder_device_encoder_sessions_cap{Gpu}}} 1",
            $"transcoder_device_info{Gpu},health=\"quarantined\",reason=\"encoder_failed\",driver=\"570.1\",simulated=\"yes\"}} 1",
            "transcoder_placements_total{reason=\"only_choice\"}",
        })
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }

        var devices = DeviceViews.All(_resources, _watch);
        var card = devices.Devices.Single(device => device.Id == "gpu-0");
        Assert.Equal(("quarantined", "encoder_failed", 1), (card.Health, card.HealthReason?.Code, card.Failures));
        Assert.NotNull(card.QuarantinedUntil);
        Assert.Equal((0, 1), (card.Sessions.Ours, card.Sessions.Cap));
        Assert.Contains("out of memory (10)", card.Sessions.CapLearnedFrom, StringComparison.Ordinal);
        Assert.Equal(("fake 1.0", "no_driver"), (devices.Libraries, Assert.Single(devices.Findings).Code));

        var sessions = DeviceViews.Leases(_resources);
        Assert.Equal(["cpu", "cpu"], sessions.Sessions.Select(session => session.Device));
        Assert.All(sessions.Sessions, session => Assert.Equal(("live/show", "open"), (session.Stream, session.State)));
        Assert.Equal("quarantined", sessions.Sessions[^1].Places.Single(place => place.Device == "gpu-0").Refusal?.Code);
        foreach (var shown in new[] { text, JsonSerializer.Serialize(devices), JsonSerializer.Serialize(sessions) })
        {
            Assert.DoesNotContain(ServingOptions.Key, shown, StringComparison.Ordinal);
            Assert.DoesNotContain("key=", shown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_monitor_that_hangs_is_a_series_and_a_finding()
    {
        _program.FailMonitor("a driver call hangs");
        await Eventual.HoldsAsync(() => _watch.MonitorFailure.Code is not null);
        var text = await ScrapeAsync();
        Assert.Contains("transcoder_device_monitor_up 0", text, StringComparison.Ordinal);
        Assert.Contains("transcoder_device_monitor_restarts_total 1", text, StringComparison.Ordinal);
        Assert.Contains(DeviceViews.All(_resources, _watch).Findings, finding => finding is { Code: "monitor_hung", Detail: "a driver call hangs" });
    }

    private static VideoEncoderSettings Rung(int width, int height) => new(CodecId.H264, width, height, 30, width * 3000, RateControl.Cbr, 1000, "speed", "", "", 0, 120);

    private async Task<string> ScrapeAsync()
    {
        var scrape = Metrics.NewCustomRegistry();
        DeviceMetrics.Add(Metrics.WithCustomRegistry(scrape), _resources, _watch);
        using var output = new MemoryStream();
        await scrape.CollectAndExportAsTextAsync(output);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
