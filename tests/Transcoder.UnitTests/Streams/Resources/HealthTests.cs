using Transcoder.Media;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

public sealed class HealthTests
{
    private readonly Machine _machine = new(new ModelDriver().Gpu("gpu-0", consumer: false).Gpu("gpu-1", consumer: false));

    [Fact]
    public void A_device_that_failed_gets_nothing_new_until_its_quarantine_is_over()
    {
        var worker = Start("live/a");
        var failed = worker.Running[0].Place.Id;
        worker.Fail(0, LeaseOutcome.EncoderFailed);
        worker.Settle();
        Assert.NotEqual(failed, worker.Running[0].Place.Id);
        Assert.Equal(DeviceHealth.Quarantined, _machine.Device(failed).Health);
        Assert.Equal(Reasons.EncoderFailed, _machine.Device(failed).HealthReason?.Code);
        Assert.All(Enumerable.Range(0, 4), i => Assert.NotEqual(failed, Start($"live/b{i}").Running[0].Place.Id));
    }

    [Fact]
    public void After_quarantine_one_session_tries_and_then_the_device_is_sound()
    {
        var worker = Start("live/a");
        var failed = worker.Running[0].Place.Id;
        worker.Fail(0, LeaseOutcome.EncoderFailed);
        worker.Settle();
        _machine.Pass(6, worker);
        Assert.Equal(DeviceHealth.Probation, _machine.Device(failed).Health);
        var places = Enumerable.Range(0, 4).Select(i => Start($"live/b{i}").Running[0].Place.Id).ToList();
        Assert.Single(places, failed);
        _machine.Pass(12, worker);
        Assert.Equal(DeviceHealth.Sound, _machine.Device(failed).Health);
        Assert.Null(_machine.Device(failed).HealthReason);
        Assert.Equal(failed, Start("live/c").Running[0].Place.Id);
    }

    [Fact]
    public void Each_further_failure_doubles_the_quarantine()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        var lengths = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            var worker = machine.Worker($"live/{i}").Ask(Machine.Rung(1280, 720)).Settle();
            Assert.Equal("gpu-0", worker.Running[0].Place.Id);
            worker.Fail(0, LeaseOutcome.EncoderFailed);
            var until = machine.Device("gpu-0").Until!.Value - machine.Clock.GetUtcNow();
            lengths.Add(until.TotalSeconds);
            worker.Die();
            machine.Pass((int)until.TotalSeconds + 1);
        }

        Assert.Equal([5, 10, 20, 40], lengths);
    }

    [Fact]
    public void A_lost_device_is_left_by_all_at_once()
    {
        var workers = Enumerable.Range(0, 4).Select(i => Start($"live/{i}")).ToList();
        var lost = workers[0].Running[0].Place.Id;
        _machine.Driver.Lost.Add(lost);
        _machine.Sample();
        foreach (var worker in workers)
        {
            worker.Settle();
        }

        Assert.All(workers, worker => Assert.NotEqual(lost, worker.Running[0].Place.Id));
        Assert.All(workers.SelectMany(worker => worker.Grants.Skip(1)), grant => Assert.Equal((LeaseStart.Now, Reasons.DeviceLost), (grant.Start, grant.Reason.Code)));
        Assert.Empty(_machine.Driver.Leases(lost));
    }

    [Fact]
    public void A_device_that_a_probe_no_longer_finds_is_lost_and_one_that_comes_back_is_tried_first()
    {
        var worker = Start("live/a");
        var lost = worker.Running[0].Place.Id;
        _machine.Driver.Lost.Add(lost);
        _machine.Probe();
        worker.Settle();
        Assert.NotEqual(lost, worker.Running[0].Place.Id);
        _machine.Driver.Lost.Clear();
        _machine.Probe();
        Assert.Equal(DeviceHealth.Quarantined, _machine.Device(lost).Health);
        _machine.Pass(6, worker);
        Assert.Equal(DeviceHealth.Probation, _machine.Device(lost).Health);
    }

    [Fact]
    public void A_hang_speaks_for_the_device_and_its_session_counts_until_the_worker_dies()
    {
        var workers = Enumerable.Range(0, 4).Select(i => Start($"live/{i}")).ToList();
        var hung = workers[0].Running[0].Place.Id;
        var stuck = workers[0].Running[0].Lease;
        workers[0].Fail(0, LeaseOutcome.Hung);
        foreach (var worker in workers)
        {
            worker.Settle();
        }

        Assert.All(workers, worker => Assert.NotEqual(hung, worker.Running[0].Place.Id));
        Assert.Equal([stuck], _machine.Driver.Leases(hung));
        Assert.Equal(LeaseState.Stuck, Assert.Single(_machine.Manager.Snapshot().Leases, lease => lease.Place.Id == hung).State);
        workers[0].Die();
        Assert.DoesNotContain(_machine.Manager.Snapshot().Leases, lease => lease.Place.Id == hung);
    }

    [Fact]
    public void A_hung_session_that_closes_after_all_is_free_and_says_nothing_good_of_its_device()
    {
        var worker = Start("live/a");
        var (hung, stuck) = (worker.Running[0].Place.Id, worker.Running[0].Lease);
        _machine.Pass(15, worker);
        worker.Fail(0, LeaseOutcome.Hung);
        _machine.Pass(6, worker);
        Assert.Equal(DeviceHealth.Probation, _machine.Device(hung).Health);
        _machine.Manager.Close(worker, new LeaseClosed(stuck, LeaseOutcome.Released, 0, "closed after all"));
        Assert.DoesNotContain(_machine.Manager.Snapshot().Leases, lease => lease.Id == stuck);
        Assert.Equal(0, _machine.Device(hung).OurSessions);
        Assert.Equal(DeviceHealth.Probation, _machine.Device(hung).Health);
    }

    [Fact]
    public void Failures_of_two_streams_drain_a_device_and_those_of_one_do_not()
    {
        var workers = Enumerable.Range(0, 6).Select(i => Start($"live/{i}")).ToList();
        var failing = workers[0].Running[0].Place.Id;
        var there = workers.Where(worker => worker.Running[0].Place.Id == failing).ToList();
        there[0].Fail(0, LeaseOutcome.EncoderFailed);
        Assert.All(there.Skip(1), worker => Assert.Equal(failing, worker.Running[0].Place.Id));
        there[1].Fail(0, LeaseOutcome.EncoderFailed);
        foreach (var worker in workers)
        {
            worker.Settle();
        }

        Assert.Empty(_machine.Driver.Leases(failing));
    }

    [Fact]
    public void A_stream_that_fails_on_two_devices_is_itself_at_fault()
    {
        var bystander = Start("live/good");
        var worker = Start("live/bad");
        var first = worker.Running[0].Place.Id;
        worker.Fail(0, LeaseOutcome.EncoderFailed);
        worker.Settle();
        Assert.Equal(DeviceHealth.Quarantined, _machine.Device(first).Health);
        worker.Fail(0, LeaseOutcome.EncoderFailed);
        worker.Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.All(["gpu-0", "gpu-1"], id => Assert.Equal(DeviceHealth.Sound, _machine.Device(id).Health));
        Assert.Single(bystander.Grants);
    }

    [Fact]
    public void A_device_that_is_slow_under_little_load_is_ill_and_drains()
    {
        var workers = Enumerable.Range(0, 4).Select(i => Start($"live/{i}")).ToList();
        var slow = workers[0].Running[0].Place.Id;
        var there = workers.Where(worker => worker.Running[0].Place.Id == slow).ToList();
        Assert.Equal(2, there.Count);
        there[0].Strain(0, 1.5);
        there[0].Settle();
        Assert.NotEqual(slow, there[0].Running[0].Place.Id);
        Assert.Equal((LeaseStart.Now, Reasons.EncoderSlow), (there[0].Running[0].Start, there[0].Running[0].Reason.Code));
        Assert.True(_machine.Device(slow).Encode!.Capacity < 400e6);
        there[1].Strain(0, 1.02);
        there[1].Settle();
        Assert.Equal(LeaseStart.NextKeyframe, there[1].Running[0].Start);
        Assert.NotEqual(slow, there[1].Running[0].Place.Id);
    }

    [Fact]
    public void What_a_steady_load_keeps_busy_corrects_the_capacity()
    {
        var device = _machine.Worker("live/a").Ask(Machine.Rung(1920, 1080, rate: 60)).Settle().Running[0].Place.Id;
        var before = _machine.Device(device).Encode!;
        Assert.Equal(CapacitySource.Assumed, before.Source);
        for (var i = 0; i < 40; i++)
        {
            _machine.Clock.Advance(TimeSpan.FromSeconds(1));
            _machine.Manager.Observe(_machine.Driver.Sample(device) with { EncodeRatio = before.Utilisation / 2 });
        }

        var after = _machine.Device(device).Encode!;
        Assert.Equal(CapacitySource.Observed, after.Source);
        Assert.InRange(after.Capacity / before.Capacity, 1.7, 2.05);
    }

    [Fact]
    public void A_place_that_nobody_confirms_is_given_back_and_taken_again_by_a_late_worker()
    {
        var worker = _machine.Worker("live/a").Ask(Machine.Rung(1280, 720));
        Assert.Single(_machine.Manager.Snapshot().Leases);
        _machine.Pass(16);
        Assert.Empty(_machine.Manager.Snapshot().Leases);
        Assert.All(["gpu-0", "gpu-1"], id => Assert.Equal(0, _machine.Device(id).Encode!.OurLoad));
        worker.Settle();
        Assert.Equal(LeaseState.Open, Assert.Single(_machine.Manager.Snapshot().Leases).State);
    }

    [Fact]
    public void A_lease_of_somebody_else_cannot_be_touched()
    {
        var worker = Start("live/a");
        var other = Start("live/b");
        _machine.Manager.Close(other, new LeaseClosed(worker.Running[0].Lease, LeaseOutcome.Hung, 0, ""));
        Assert.False(_machine.Manager.Confirm(other, worker.Running[0].Lease));
        Assert.Equal(2, _machine.Manager.Snapshot().Leases.Count(lease => lease.State == LeaseState.Open));
    }

    private ModelWorker Start(string stream) => _machine.Worker(stream).Ask(Machine.Rung(1280, 720, rate: 60)).Settle();
}
