using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Devices;

public sealed class DeviceWatchTests : IAsyncDisposable
{
    private static readonly DeviceReport Gpu = new ModelDriver().Gpu("gpu-0").Probe.Devices[0];
    private static readonly DeviceReport FullGpu = Gpu with
    {
        Engines = [.. Gpu.Engines.Select(engine => engine.Engine == EngineKind.Encode ? engine with { Refusal = new Reason(Reasons.SessionLimit, "full") } : engine)],
    };

    private readonly FakeTimeProvider _clock = new();
    private readonly FakeDeviceProgram _program = new();
    private readonly ResourceManager _resources;
    private DeviceWatch? _watch;
    private int _round;

    public DeviceWatchTests()
    {
        _resources = new ResourceManager(new PlacementPolicy(["nvenc", "software"]), 8, _clock, NullLogger<ResourceManager>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        if (_watch is not null)
        {
            await _watch.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_probe_that_fails_is_told_and_repeated_until_one_succeeds(bool defect)
    {
        _program.Probing = () => throw (defect ? new InvalidOperationException("odd") : new DeviceProgramException("a driver hangs"));
        var watch = Watch();
        Assert.Equal((Reasons.ProbeFailed, defect ? "odd" : "a driver hangs"), (watch.ProbeFailure.Code, watch.ProbeFailure.Detail));
        await PassUntilAsync(() => _program.Probes == 3);
        Assert.False(watch.Ready.IsCompleted);
        Finds(TestMachines.Cpu, Gpu);
        await PassUntilAsync(() => watch.Ready.IsCompleted && watch.ProbeFailure.Code is null);
        Assert.Contains(_resources.Snapshot().Devices, device => device.Report.Id == "gpu-0");
    }

    [Fact]
    public async Task A_card_that_does_not_answer_keeps_nothing_waiting_but_itself()
    {
        var answer = new TaskCompletionSource();
        _program.Answer = answer.Task;
        _program.Earlier = [new ProbeReport([], [], "fake") { Awaited = ["CPU", "gpu-0"] }, new ProbeReport([TestMachines.Cpu], [], "fake") { Awaited = ["gpu-0"] }];
        Finds(TestMachines.Cpu, Gpu);
        var watch = Watch();
        await Eventual.HoldsAsync(() => watch.Report is { Awaited: ["gpu-0"] });
        Assert.False(watch.Ready.IsCompleted);
        await PassUntilAsync(() => watch.Ready.IsCompleted);
        Assert.True(_clock.GetUtcNow() - _clock.Start >= TimeSpan.FromSeconds(10));
        Assert.Single(_resources.Snapshot().Devices);
        answer.SetResult();
        await PassUntilAsync(() => _resources.Snapshot().Devices.Any(device => device.Report.Id == "gpu-0"));
        Assert.True(watch.Report!.IsComplete);
    }

    [Fact]
    public async Task What_a_probe_has_not_come_to_yet_is_not_lost()
    {
        Finds(TestMachines.Cpu, Gpu);
        var watch = Watch();
        await Eventual.HoldsAsync(() => watch.Ready.IsCompleted);
        var answer = new TaskCompletionSource();
        _program.Answer = answer.Task;
        _program.Earlier = [new ProbeReport([TestMachines.Cpu, Gpu with { Id = "gpu-1" }], [], "fake") { Awaited = ["gpu-0"] }];
        await SampleAsync(Of("gpu-1"));
        await PassUntilAsync(() => _resources.Snapshot().Devices.Any(device => device.Report.Id == "gpu-1"));
        Assert.Equal(DeviceHealth.Sound, _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu-0").Health);
        answer.SetResult();
    }

    [Fact]
    public async Task A_probe_that_ends_before_its_last_report_has_failed()
    {
        Finds(TestMachines.Cpu);
        _program.Probing = () => new ProbeReport([TestMachines.Cpu], [], "fake") { Awaited = ["gpu-0"] };
        var watch = Watch();
        await Eventual.HoldsAsync(() => watch.ProbeFailure.Code == Reasons.ProbeFailed);
    }

    [Fact]
    public async Task No_process_is_started_while_the_last_one_of_its_sort_is_there()
    {
        var ends = new ProcessEnds("monitor");
        var end = new TaskCompletionSource();
        ends.ThrowIfOneIsLeft();
        ends.Add(end.Task);
        Assert.Contains("the last device monitor", Assert.Throws<DeviceProgramException>(ends.ThrowIfOneIsLeft).Message, StringComparison.Ordinal);
        end.SetResult();
        await end.Task;
        ends.ThrowIfOneIsLeft();
    }

    [Fact]
    public async Task A_device_that_shows_up_in_the_samples_is_probed()
    {
        Finds(TestMachines.Cpu);
        Watch();
        Finds(TestMachines.Cpu, Gpu);
        await SampleAsync(Of("gpu-0"));
        await PassUntilAsync(() => _resources.Snapshot().Devices.Any(device => device.Report.Id == "gpu-0"));
        Assert.Equal(2, _program.Probes);
    }

    [Fact]
    public async Task A_device_that_no_probe_finds_is_not_looked_for_again_and_again()
    {
        Finds(TestMachines.Cpu);
        Watch();
        await RoundsAsync(Of("gpu-0"));
        Assert.Equal(2, _program.Probes);
    }

    [Fact]
    public async Task A_device_that_leaves_the_samples_without_a_word_is_lost_with_the_next_probe()
    {
        Finds(TestMachines.Cpu, Gpu);
        Watch();
        await SampleAsync(Of("gpu-0"));
        Finds(TestMachines.Cpu);
        await SampleAsync();
        await PassUntilAsync(() => _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu-0").Health == DeviceHealth.Lost);
    }

    [Fact]
    public async Task A_card_that_was_full_is_probed_again_and_one_that_has_proved_itself_is_not()
    {
        Finds(TestMachines.Cpu, FullGpu);
        Watch();
        Finds(TestMachines.Cpu, Gpu);
        await PassUntilAsync(() => _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu-0").Encode is not null);

        // Full of our own sessions, perhaps, when another device makes a probe necessary.
        Finds(TestMachines.Cpu, FullGpu);
        await SampleAsync(Of("gpu-0"), Of("gpu-1"));
        await PassUntilAsync(() => _program.Probes == 3);
        await RoundsAsync(Of("gpu-0"), Of("gpu-1"));
        Assert.Equal(3, _program.Probes);
    }

    [Fact]
    public async Task A_monitor_that_fails_is_told_and_replaced_after_a_growing_while()
    {
        Finds(TestMachines.Cpu);
        var watch = Watch();
        await SampleAsync();
        _program.FailMonitor("a driver call hangs");
        await Eventual.HoldsAsync(() => watch.MonitorFailure.Code == Reasons.MonitorHung);
        Assert.Equal((1, 1L), (_program.Monitors, watch.MonitorRestarts));
        await PassUntilAsync(() => _program.Monitors == 2);
        Assert.Equal("a driver call hangs", watch.MonitorFailure.Detail);
        await SampleAsync();
        Assert.Null(watch.MonitorFailure.Code);

        for (var failure = 0; failure < 3; failure++)
        {
            _program.FailMonitor("again");
        }

        var before = _clock.GetUtcNow();
        await PassUntilAsync(() => _program.Monitors == 5);
        Assert.True(_clock.GetUtcNow() - before >= TimeSpan.FromSeconds(1 + 2 + 4));
    }

    [Fact]
    public async Task Samples_reach_the_resource_manager()
    {
        Finds(TestMachines.Cpu, Gpu);
        Watch();
        await SampleAsync(Of("gpu-0") with { EncodeRatio = 0.25 });
        await Eventual.HoldsAsync(() => _resources.Snapshot().Devices.Single(device => device.Report.Id == "gpu-0").Sample?.EncodeRatio == 0.25);
    }

    [Fact]
    public async Task The_end_starts_no_probe()
    {
        Finds(TestMachines.Cpu);
        var watch = Watch();
        await PassUntilAsync(() => _clock.GetUtcNow() - _clock.Start > TimeSpan.FromSeconds(40));
        await watch.DisposeAsync();
        _watch = null;
        Assert.Equal(1, _program.Probes);
    }

    private static DeviceSample Of(string device) => new(device, null, null, null, null, null, null, null, null, [], null, null);

    private DeviceWatch Watch() => _watch = new DeviceWatch(_program, _resources, _clock, NullLogger<DeviceWatch>.Instance);

    private void Finds(params DeviceReport[] devices) => _program.Probing = () => new ProbeReport(devices, [], "fake");

    /// <summary>One sample of the machine, and until it has been read. The CPU's temperature numbers it.</summary>
    private async Task SampleAsync(params DeviceSample[] more)
    {
        var round = ++_round;
        _program.Sample([.. more, Of("cpu") with { TemperatureCelsius = round }]);
        await Eventual.HoldsAsync(() => _resources.Snapshot().Devices.Single(device => device.Report.Id == "cpu").Sample?.TemperatureCelsius == round);
    }

    /// <summary>Minutes in which the samples stay the same.</summary>
    private async Task RoundsAsync(params DeviceSample[] more)
    {
        for (var round = 0; round < 10; round++)
        {
            await SampleAsync(more);
            for (var second = 0; second < 40; second++)
            {
                _clock.Advance(TimeSpan.FromSeconds(1));
                await Task.Yield();
            }
        }
    }

    private Task PassUntilAsync(Func<bool> condition) => Eventual.HoldsAsync(() =>
    {
        if (condition())
        {
            return true;
        }

        _clock.Advance(TimeSpan.FromMilliseconds(500));
        return false;
    });
}
