using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>Who may open an encoder session on simulated devices.</summary>
public sealed class SessionTests
{
    [Theory]
    [InlineData(10, "out of memory (10)")]
    [InlineData(21, "incompatible client key (21)")]
    public async Task The_cap_of_a_system_counts_all_devices_and_a_killed_encoder_gives_its_place_back(int error, string line)
    {
        using var machine = new SimulatedMachine(devices: 2);
        machine.LimitSessions(2, error: error);
        await using var first = await SimulatedEncoding.StartLongAsync(machine, "-gpu", "0");
        await using var second = await SimulatedEncoding.StartLongAsync(machine, "-gpu", "1");
        Assert.Equal([first.Id, second.Id], machine.State.Sessions.Select(session => session.ProcessId).Order());

        var (code, log) = await SimulatedEncoding.TryAsync(machine);
        Assert.Equal(1, code);
        Assert.Contains(line, log);

        first.Signal(ChildProcess.SigKill);
        await first.ExitAsync();
        Assert.Equal(second.Id, Assert.Single(machine.State.Sessions).ProcessId);
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(machine)).Code);
    }

    [Fact]
    public async Task The_cap_of_a_device_leaves_the_others_free()
    {
        using var machine = new SimulatedMachine(devices: 2);
        machine.LimitSessions(1, perDevice: true);
        await using var first = await SimulatedEncoding.StartLongAsync(machine);
        await using var second = await SimulatedEncoding.StartLongAsync(machine);
        Assert.Single(machine.State.SessionsOf(0));
        Assert.Single(machine.State.SessionsOf(1));
        Assert.Equal(1, (await SimulatedEncoding.TryAsync(machine)).Code);
    }

    [Fact]
    public async Task Sessions_of_other_programs_fill_the_cap()
    {
        using var machine = new SimulatedMachine();
        machine.LimitSessions(2);
        machine.SetForeignSessions(0, 2);
        Assert.Contains("No capable devices found", (await SimulatedEncoding.TryAsync(machine)).Log);
        machine.SetForeignSessions(0, 1);
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(machine)).Code);
    }
}
