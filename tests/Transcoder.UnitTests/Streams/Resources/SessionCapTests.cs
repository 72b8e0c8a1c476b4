using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

public sealed class SessionCapTests
{
    private static readonly VideoEncoderSettings Small = Machine.Rung(640, 360, preset: "quality");

    [Fact]
    public void With_allow_the_rendition_after_the_cap_goes_to_software()
    {
        var (machine, worker) = Filled(FallbackPolicy.Allow, 3);
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Equal(Small, worker.Running[0].Settings);
        Assert.Contains("3 of 3 sessions", worker.Running[0].Reason.Detail, StringComparison.Ordinal);
        Assert.Equal(3, machine.Device("gpu-0").SessionCap);
        Assert.Equal(3, machine.Device("gpu-1").SessionCap);
    }

    [Fact]
    public void With_reduce_it_goes_to_software_and_asks_for_less()
    {
        var (_, worker) = Filled(FallbackPolicy.Reduce, 3);
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Equal("speed", worker.Running[0].Settings.Preset);
        Assert.Equal(Reasons.Reduced, worker.Running[0].Reason.Code);
    }

    [Fact]
    public void With_forbid_it_is_refused_with_the_reason()
    {
        var (_, worker) = Filled(FallbackPolicy.Forbid, 3);
        Assert.Empty(worker.Running);
        Assert.Equal(Reasons.FallbackForbidden, worker.Refused[0].Code);
        Assert.Contains("3 of 3 sessions", worker.Refused[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_learned_cap_is_not_run_into_again()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        var opens = machine.Driver.Opens;
        var next = machine.Worker("live/next").Ask(Small).Settle();
        Assert.Equal("cpu", next.Running[0].Place.Id);
        Assert.Equal(opens + 1, machine.Driver.Opens);
    }

    [Fact]
    public void After_a_while_one_session_tries_whether_the_cap_still_stands()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        machine.Driver.Cap = 5;
        machine.Pass(601);
        var next = machine.Worker("live/next").Ask(Small).Settle();
        Assert.NotEqual("cpu", next.Running[0].Place.Id);
        Assert.Equal(4, machine.Device("gpu-0").SessionCap);
    }

    [Fact]
    public void Sessions_of_other_programs_shrink_the_budget()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        machine.Manager.ReleaseAll(_owners[0]);
        machine.Driver.Kill(_owners[0].WorkerProcessId);
        machine.Driver.AddForeign("gpu-1", 77);
        machine.Sample();
        Assert.Equal("cpu", machine.Worker("live/next").Ask(Small).Settle().Running[0].Place.Id);
        Assert.Equal(1, machine.Device("gpu-1").ForeignSessions);
        machine.Driver.RemoveForeign();
        machine.Sample();
        Assert.NotEqual("cpu", machine.Worker("live/after").Ask(Small).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void More_sessions_seen_open_than_the_cap_raise_it()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        machine.Driver.AddForeign("gpu-1", 77);
        machine.Driver.AddForeign("gpu-1", 78);
        machine.Sample();
        Assert.Equal(5, machine.Device("gpu-0").SessionCap);
    }

    [Fact]
    public void A_learned_cap_outlives_a_restart_and_not_a_new_driver()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        var state = machine.Manager.State();
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName(), "state.json");
        ResourceStateFile.Save(path, state);
        var again = new Machine(TwoCards(), state: ResourceStateFile.Load(path));
        Assert.Equal(3, again.Device("gpu-0").SessionCap);
        var other = new Machine(new ModelDriver().Gpu("gpu-0", driver: "580.2"), state: ResourceStateFile.Load(path));
        Assert.Null(other.Device("gpu-0").SessionCap);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Theory]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 1, true, "Full")]
    [InlineData(-22, "OpenEncodeSessionEx failed: incompatible client key (21)", 1, true, "Full")]
    [InlineData(-542398533, "Generic error in an external library", 3, true, "Full")]
    [InlineData(0, "OpenEncodeSessionEx failed: incompatible client key (21)", 2, true, "Full")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 0, true, "Broken")]
    [InlineData(-22, "OpenEncodeSessionEx failed: incompatible client key (21)", 0, true, "Broken")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 0, false, "MemoryFull")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 5, false, "MemoryFull")]
    [InlineData(-542398533, "OpenEncodeSessionEx failed: generic error (20)", 3, true, "Broken")]
    [InlineData(-38, "Function not implemented", 5, true, "Broken")]
    [InlineData(-38, "Function not implemented", 0, false, "Broken")]
    public void Full_is_told_from_broken_by_what_is_open(int error, string message, int open, bool memory, string expected) =>
        Assert.Equal(expected, OpenFailures.Classify(new LeaseClosed(1, LeaseOutcome.OpenFailed, error, message), open, memory).ToString());

    [Fact]
    public void The_same_error_with_nothing_open_makes_the_card_suspect()
    {
        var machine = new Machine(new ModelDriver { Cap = 0 }.Gpu("gpu-0"));
        var worker = machine.Worker("live/a").Ask(Small).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Null(machine.Device("gpu-0").SessionCap);
        Assert.Equal(DeviceHealth.Quarantined, machine.Device("gpu-0").Health);
    }

    [Fact]
    public void A_card_without_memory_is_neither_broken_nor_capped()
    {
        var machine = new Machine(TwoCards());
        machine.Driver.OutOfMemoryDevices.Add("gpu-0");
        machine.Driver.OutOfMemoryDevices.Add("gpu-1");
        var worker = machine.Worker("live/a").Ask(Small);
        machine.Sample();
        worker.Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Null(machine.Device("gpu-0").SessionCap);
        Assert.All(["gpu-0", "gpu-1"], id => Assert.Equal(DeviceHealth.Sound, machine.Device(id).Health));
        Assert.Contains("MiB of its memory", worker.Running[0].Reason.Detail, StringComparison.Ordinal);
    }

    private static ModelDriver TwoCards() => new ModelDriver().Gpu("gpu-0").Gpu("gpu-1");

    private readonly List<ModelWorker> _owners = [];

    /// <summary>Two consumer cards of one system, as many sessions as the driver allows, and one worker that came after.</summary>
    private (Machine Machine, ModelWorker After) Filled(FallbackPolicy fallback, int cap)
    {
        var machine = new Machine(TwoCards(), Machine.HardwareFirst with { Fallback = fallback });
        machine.Driver.Cap = cap;
        for (var i = 0; i < cap; i++)
        {
            _owners.Add(machine.Worker($"live/{i}").Ask(Small).Settle());
            Assert.NotEqual("cpu", _owners[i].Running[0].Place.Id);
        }

        return (machine, machine.Worker("live/after").Ask(Small).Settle());
    }
}
