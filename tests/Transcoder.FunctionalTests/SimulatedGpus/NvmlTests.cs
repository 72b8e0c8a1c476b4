using System.Globalization;
using System.Text.RegularExpressions;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>What the simulated NVML says of devices and of the load on them.</summary>
public sealed class NvmlTests
{
    [Fact]
    public async Task CUDA_and_NVML_agree_on_who_a_device_is()
    {
        using var machine = new SimulatedMachine(devices: 2);
        var (_, output) = await SimulatedEncoding.RunToolAsync(machine, "simgpu-devices");
        for (var i = 0; i < 2; i++)
        {
            Assert.Contains($"cuda{i} uuid {SimulatedMachine.Uuid(i)} pci {SimulatedMachine.PciAddress(i)[4..]}\n", output);
            Assert.Contains($"gpu{i} uuid {SimulatedMachine.Uuid(i)} pci {SimulatedMachine.PciAddress(i)} name Simulated GPU {i}\n", output);
        }

        Assert.Matches(@"driver \S+\.simulated ", output);
    }

    [Fact]
    public async Task Its_figures_follow_the_load_of_another_process()
    {
        using var machine = new SimulatedMachine();
        machine.SetSpeed(0, 320 * 180 * 60 / 1e6);
        await using var encoder = await SimulatedEncoding.StartLongAsync(machine);
        var output = "";
        await Polling.UntilAsync(
            async () =>
            {
                (_, output) = await SimulatedEncoding.RunToolAsync(machine, "simgpu-devices");
                var session = Regex.Match(output, $@"session \d+ pid {encoder.Id} codec 0 size 320x180 fps (\d+)");
                return Number(Regex.Match(output, @"encode (\d+)%")) is > 35 and < 65 && Number(session) is > 22 and < 38;
            },
            "half the engine is busy",
            () => output);
        Assert.True(Number(Regex.Match(output, @"memory (\d+)/")) > 100_000_000);
        encoder.Signal(ChildProcess.SigKill);
        await encoder.ExitAsync();
        await Polling.UntilAsync(
            async () => (await SimulatedEncoding.RunToolAsync(machine, "simgpu-devices")).Output.Contains("encode 0% memory 0/8589934592 sessions 0", StringComparison.Ordinal),
            "nothing is left of a killed encoder");
    }

    [Fact]
    public async Task Foreign_sessions_are_listed_and_load_the_engine()
    {
        using var machine = new SimulatedMachine();
        machine.Configure(("foreign_sessions", 2), ("foreign_size", "1920x1080"), ("foreign_fps", 60), ("mpix_s", 500));
        var (_, output) = await SimulatedEncoding.RunToolAsync(machine, "simgpu-devices");
        Assert.Contains("gpu0 encode 50% ", output);
        Assert.Equal(2, Regex.Count(output, "pid 5000000 codec 0 size 1920x1080 fps 60"));
    }

    [Theory]
    [InlineData("lost", 1, 15)]
    [InlineData("nvml_error", 999, 999)]
    [InlineData("cuinit_error", 803, 18)]
    public async Task It_fails_when_told(string key, int value, int error)
    {
        using var machine = new SimulatedMachine();
        machine.Configure((key, value));
        var (code, output) = await SimulatedEncoding.RunToolAsync(machine, "simgpu-devices");
        Assert.Contains($"({error})", output);
        Assert.NotEqual(0, code);
    }

    [Fact]
    public async Task It_hangs_when_told()
    {
        using var machine = new SimulatedMachine();
        machine.Configure(("nvml_hang", 1));
        await using var tool = SimulatedEncoding.StartTool(machine, "simgpu-devices");
        await Polling.UntilAsync(() => tool.Output.Contains("cuda0", StringComparison.Ordinal), "CUDA answers");
        await Assert.ThrowsAsync<TimeoutException>(() => tool.ExitAsync(TimeSpan.FromSeconds(1)));
        machine.Configure(("nvml_hang", null));
        Assert.Equal(0, await tool.ExitAsync());
    }

    private static int Number(Match match) => match.Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : -1;
}
