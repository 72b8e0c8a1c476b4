using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>Devices are probed again while streams run on them.</summary>
public sealed class ReprobeTests
{
    private readonly ModelDriver _driver = new ModelDriver { Cap = 2 }.Gpu("gpu-0");

    [Fact]
    public void A_card_that_our_own_sessions_fill_at_a_later_probe_still_encodes()
    {
        var machine = new Machine(_driver);
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1280, 720), Machine.Rung(640, 360)).Settle();
        machine.Probe();
        Assert.NotNull(machine.Device("gpu-0").Encode);
        worker.Die();
        Assert.Equal(0, machine.Device("gpu-0").Encode!.OurLoad);
        Assert.Equal("gpu-0", machine.Worker("live/b").Ask(Machine.Rung(1280, 720)).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void What_runs_on_a_card_that_proves_nothing_any_more_is_still_given_back()
    {
        var machine = new Machine(_driver);
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1280, 720)).Settle();
        var hung = _driver.Probe.Devices[0] with { Engines = [], Findings = [new Reason(Reasons.ProbeFailed, "hangs")] };
        machine.Manager.Apply(new ProbeReport([hung], [], ""));
        var next = machine.Worker("live/b").Ask(Machine.Rung(1280, 720)).Settle();
        Assert.Equal("cpu", next.Running[0].Place.Id);
        var lease = machine.Manager.Snapshot().Leases.Single(lease => lease.Stream == "live/b");
        Assert.Equal(Reasons.NoEncodeEngine, lease.Places.Single(place => place.Device == "gpu-0").Refusal?.Code);
        worker.Die();
        Assert.Equal(0, machine.Device("gpu-0").Encode!.OurLoad);
        Assert.DoesNotContain(machine.Manager.Snapshot().Leases, left => left.Stream == "live/a");
    }

    [Fact]
    public void A_learned_correction_is_applied_once_however_often_the_card_is_probed()
    {
        var learned = Machine.Calibrated(_driver, 1_000e6) with
        {
            Corrections = new Dictionary<string, LearnedCapacity> { ["gpu-0"] = new(_driver.Probe.Devices[0].Driver, 0.8, Base: 1_000e6) },
        };
        var machine = new Machine(_driver, state: learned);
        machine.Probe();
        machine.Probe();
        Assert.Equal(800e6, machine.Device("gpu-0").Encode!.Capacity, 1.0);
        Assert.Equal(CapacitySource.Observed, machine.Device("gpu-0").Encode!.Source);
        Assert.Equal(0.8, machine.Manager.State().Corrections["gpu-0"].Encode, 0.001);
    }

    [Fact]
    public void A_session_that_hung_while_it_opened_counts_until_its_worker_dies()
    {
        var machine = new Machine(_driver);
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1280, 720));
        var lease = machine.Manager.Snapshot().Leases.Single();
        machine.Manager.Close(worker, new LeaseClosed(lease.Id, LeaseOutcome.Hung, 0, "opening did not return"));
        machine.Pass(20);
        Assert.Equal(LeaseState.Stuck, machine.Manager.Snapshot().Leases.Single().State);
        Assert.Equal(1, machine.Device("gpu-0").GroupSessions);
        worker.Die();
        Assert.Equal(0, machine.Device("gpu-0").GroupSessions);
    }

    [Fact]
    public void Streams_that_were_driven_to_software_come_back_although_no_new_stream_tries_the_card()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        ModelWorker[] workers = [.. Enumerable.Range(0, 3).Select(i => machine.Worker($"live/{i}").Ask(Machine.Rung(1280, 720)).Settle())];
        machine.Driver.Lost.Add("gpu-0");
        machine.Pass(2, workers);
        Assert.All(workers, worker => Assert.Equal(["cpu"], worker.Places));
        machine.Driver.Lost.Clear();
        machine.Pass(18, workers);
        Assert.Equal(DeviceHealth.Probation, machine.Device("gpu-0").Health);
        Assert.Single(workers, worker => worker.Running[0].Place.Id == "gpu-0");
        machine.Pass(20, workers);
        Assert.Equal(DeviceHealth.Sound, machine.Device("gpu-0").Health);
        Assert.All(workers, worker => Assert.Equal(["gpu-0"], worker.Places));
    }

    [Fact]
    public void Nothing_that_runs_is_sent_to_find_out_whether_a_card_still_hangs()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        ModelWorker[] workers = [.. Enumerable.Range(0, 2).Select(i => machine.Worker($"live/{i}").Ask(Machine.Rung(1280, 720)).Settle())];
        workers[0].Fail(0, LeaseOutcome.Hung);
        workers[0].Settle();
        workers[1].Settle();
        machine.Pass(60, workers);
        Assert.Equal(DeviceHealth.Probation, machine.Device("gpu-0").Health);
        Assert.Equal("cpu", workers[0].Running[0].Place.Id);
        var next = machine.Worker("live/new").Ask(Machine.Rung(640, 360)).Settle();
        Assert.Equal("gpu-0", next.Running[0].Place.Id);
        machine.Pass(40, [.. workers, next]);
        Assert.Equal(DeviceHealth.Sound, machine.Device("gpu-0").Health);
        Assert.Equal("gpu-0", workers[0].Running[0].Place.Id);
    }
}
