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
        ResourceStateFile.Save(path, ResourceStateFile.Format(state));
        var again = new Machine(TwoCards(), state: ResourceStateFile.Load(path));
        Assert.Equal(3, again.Device("gpu-0").SessionCap);
        var other = new Machine(new ModelDriver().Gpu("gpu-0", driver: "580.2"), state: ResourceStateFile.Load(path));
        Assert.Null(other.Device("gpu-0").SessionCap);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Theory]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 1, true, "Full")]
    [InlineData(-22, "OpenEncodeSessionEx failed: incompatible client key (21)", 1, true, "Full")]
    [InlineData(0, "OpenEncodeSessionEx failed: incompatible client key (21)", 2, true, "Full")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 0, true, "Broken")]
    [InlineData(-22, "OpenEncodeSessionEx failed: incompatible client key (21)", 0, true, "Broken")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 0, false, "MemoryFull")]
    [InlineData(-12, "OpenEncodeSessionEx failed: out of memory (10)", 5, false, "MemoryFull")]
    [InlineData(-542398533, "OpenEncodeSessionEx failed: generic error (20)", 3, true, "Broken")]
    [InlineData(-542398533, "Generic error in an external library", 3, true, "Broken")]
    [InlineData(-22, "InitializeEncoder failed: invalid param (8): Preset not supported", 3, true, "Unfit")]
    [InlineData(-38, "InitializeEncoder failed: unsupported param (12)", 3, true, "Unfit")]
    [InlineData(-22, "Unable to parse option value \"film\"; Invalid argument", 3, true, "Unfit")]
    [InlineData(-38, "Provided device doesn't support required NVENC features", 5, true, "Unfit")]
    [InlineData(-12, "Cannot allocate memory", 8, true, "Full")]
    [InlineData(-12, "Cannot allocate memory", 7, true, "MemoryFull")]
    [InlineData(-542398533, "cu->cuMemAlloc(&data, size) failed -> CUDA_ERROR_OUT_OF_MEMORY: out of memory", 3, true, "MemoryFull")]
    public void Full_is_told_from_broken_by_what_is_open(int error, string message, int open, bool memory, string expected) =>
        Assert.Equal(expected, OpenFailures.Classify(new LeaseClosed(1, LeaseOutcome.OpenFailed, error, message), open, cap: 8, memory).ToString());

    [Theory]
    [InlineData(-5, "Failed to create encode pipeline context: 2 (resource allocation failed).", "MemoryFull")]
    [InlineData(-12, "Cannot allocate memory", "MemoryFull")]
    [InlineData(-5, "Failed to create encode pipeline context: 34 (HW busy now).", "Busy")]
    [InlineData(-22, "Hardware does not support encoding at size 64x64 (constraints: width 128-4096 height 96-4096).", "Unfit")]
    [InlineData(-38, "No usable encoding profile found.", "Unfit")]
    [InlineData(-38, "Error initializing the encoder: unsupported (-3)", "Unfit")]
    [InlineData(-22, "Error initializing the encoder: invalid video parameters (-15)", "Unfit")]
    [InlineData(-5, "Failed to create encode pipeline context: 23 (internal decoding error).", "Broken")]
    [InlineData(-5, "Input/output error", "Broken")]
    public void Where_the_driver_counts_no_sessions_the_error_tells_how_it_failed(int error, string message, string expected) =>
        Assert.Equal(expected, OpenFailures.Classify(new LeaseClosed(1, LeaseOutcome.OpenFailed, error, message), counted: null, cap: null, hasMemory: true).ToString());

    [Fact]
    public void One_of_several_that_open_together_may_be_refused_before_the_others_are_known_to_run()
    {
        var machine = new Machine(TwoCards());
        var worker = machine.Worker("live/a").Ask(Machine.Hd);
        var leases = machine.Manager.Snapshot().Leases.Select(lease => lease.Id).ToList();
        machine.Manager.Close(worker, new LeaseClosed(leases[^1], LeaseOutcome.OpenFailed, -12, "OpenEncodeSessionEx failed: out of memory (10)"));
        Assert.Equal(2, machine.Device("gpu-0").SessionCap);
        Assert.All(["gpu-0", "gpu-1"], id => Assert.Equal(DeviceHealth.Sound, machine.Device(id).Health));
    }

    [Fact]
    public void A_session_that_is_refused_while_a_probe_has_its_own_teaches_nothing()
    {
        var machine = new Machine(TwoCards());
        machine.Driver.Cap = 2;
        machine.Worker("live/a").Ask(Small).Settle();
        machine.Driver.AddForeign("gpu-0", 99);
        machine.Manager.IsProbing = true;
        Assert.Equal("cpu", machine.Worker("live/b").Ask(Small).Settle().Running[0].Place.Id);
        Assert.Null(machine.Device("gpu-0").SessionCap);
        Assert.Equal(DeviceHealth.Sound, machine.Device("gpu-0").Health);
        machine.Driver.RemoveForeign();
        machine.Manager.IsProbing = false;
        machine.Pass(11);
        Assert.NotEqual("cpu", machine.Worker("live/c").Ask(Small).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void Foreign_sessions_of_a_card_that_is_lost_count_no_more()
    {
        var (machine, _) = Filled(FallbackPolicy.Allow, 3);
        foreach (var owner in _owners.Where(owner => owner.Running[0].Place.Id == "gpu-1").ToArray())
        {
            owner.Die();
            machine.Driver.AddForeign("gpu-1", 77);
        }

        machine.Sample();
        Assert.Equal("cpu", machine.Worker("live/full").Ask(Small).Settle().Running[0].Place.Id);
        machine.Driver.RemoveForeign();
        machine.Driver.Lost.Add("gpu-1");
        machine.Sample();
        Assert.Equal(0, machine.Device("gpu-1").ForeignSessions);
        Assert.Equal("gpu-0", machine.Worker("live/next").Ask(Small).Settle().Running[0].Place.Id);
    }

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
