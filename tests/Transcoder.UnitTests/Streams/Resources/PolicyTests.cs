using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

public sealed class PolicyTests
{
    private static readonly VideoEncoderSettings Small = Machine.Rung(640, 360);

    [Fact]
    public void A_greater_priority_takes_the_place_of_a_smaller_one_which_goes_to_software()
    {
        var machine = Capped(2);
        var cheap = machine.Worker("live/cheap").Ask(Small).Settle();
        var middle = machine.Worker("live/middle", _ => new LeaseTerms("m", 5)).Ask(Small).Settle();
        machine.Worker("live/learns").Ask(Small).Settle();
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9)).Ask(Small);

        // The place is still taken: the answer waits until the other has left.
        Assert.False(dear.HasMail);
        cheap.Settle();
        dear.Settle();
        Assert.Equal("cpu", cheap.Running[0].Place.Id);
        Assert.Equal(Reasons.Preempted, cheap.Running[0].Reason.Code);
        Assert.Equal("gpu-0", dear.Running[0].Place.Id);
        Assert.Equal("gpu-0", middle.Running[0].Place.Id);
    }

    [Fact]
    public void One_that_may_not_fall_back_is_stopped_with_the_reason()
    {
        var machine = Capped(1);
        var cheap = machine.Worker("live/cheap", _ => new LeaseTerms("c", 0, FallbackPolicy.Forbid)).Ask(Small).Settle();
        machine.Worker("live/learns").Ask(Small).Settle();
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9)).Ask(Small);
        cheap.Settle();
        dear.Settle();
        Assert.Empty(cheap.Running);
        Assert.Equal(Reasons.Preempted, cheap.Refused[0].Code);
        Assert.Equal("gpu-0", dear.Running[0].Place.Id);
    }

    [Fact]
    public void A_demand_does_not_wait_for_ever_for_one_that_does_not_leave()
    {
        var machine = Capped(1);
        var cheap = machine.Worker("live/cheap").Ask(Small).Settle();
        machine.Worker("live/learns").Ask(Small).Settle();
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9)).Ask(Small);
        machine.Pass(4, dear);
        Assert.Equal("cpu", dear.Running[0].Place.Id);
        Assert.True(cheap.HasMail);
    }

    [Fact]
    public void An_equal_priority_takes_nothing()
    {
        var machine = Capped(1);
        var first = machine.Worker("live/a", _ => new LeaseTerms("a", 3)).Ask(Small).Settle();
        machine.Worker("live/learns").Ask(Small).Settle();
        var second = machine.Worker("live/b", _ => new LeaseTerms("b", 3)).Ask(Small).Settle();
        Assert.Equal("gpu-0", first.Running[0].Place.Id);
        Assert.Equal("cpu", second.Running[0].Place.Id);
    }

    [Fact]
    public void Reduce_halves_the_frame_rate_when_the_preset_cannot_be_faster()
    {
        var machine = FullBut(40e6, FallbackPolicy.Reduce);
        var worker = machine.Worker("live/a").DecodesOn(Gpu).Ask(Machine.Rung(1280, 720, 60)).Settle();
        Assert.Equal(("gpu-0", 30.0), (worker.Running[0].Place.Id, worker.Running[0].Settings.FrameRate));
        Assert.Equal(Reasons.Reduced, worker.Running[0].Reason.Code);
    }

    [Fact]
    public void Reduce_takes_a_faster_preset_first()
    {
        var machine = FullBut(100e6, FallbackPolicy.Reduce);
        var worker = machine.Worker("live/a").DecodesOn(Gpu).Ask(Machine.Rung(1280, 720, 60, "quality")).Settle();
        Assert.Equal(("gpu-0", "speed", 60.0), (worker.Running[0].Place.Id, worker.Running[0].Settings.Preset, worker.Running[0].Settings.FrameRate));
    }

    [Fact]
    public void Reduce_leaves_out_the_rung_of_the_smallest_priority_last()
    {
        var policy = new PlacementPolicy(["nvenc"], FallbackPolicy.Reduce);
        var machine = new Machine(new ModelDriver { Cap = 2 }.Gpu("gpu-0"), policy);
        var worker = machine.Worker("live/a", number => new LeaseTerms($"r{number}", number == 0 ? 0 : 5)).Ask(Machine.Rung(1920, 1080), Machine.Rung(1280, 720), Machine.Rung(640, 360)).Settle();
        Assert.Equal([1, 2], worker.Running.Keys.Order());
        Assert.Equal(Reasons.Preempted, worker.Refused[0].Code);
        var even = new Machine(new ModelDriver { Cap = 2 }.Gpu("gpu-0"), policy).Worker("live/a").Ask(Machine.Hd).Settle();
        Assert.Equal([0, 1], even.Running.Keys.Order());
        Assert.Equal(Reasons.SessionLimit, even.Refused[2].Code);

        // The larger of the others fails and asks again; nothing else has its place meanwhile.
        worker.Fail(1, LeaseOutcome.Released);
        worker.Settle();
        Assert.Equal([1, 2], worker.Running.Keys.Order());
    }

    [Fact]
    public void Reduce_ends_in_software_in_full_where_nothing_can_be_left_out()
    {
        var machine = new Machine(new ModelDriver { Cap = 2 }.Gpu("gpu-0"), Machine.HardwareFirst with { Fallback = FallbackPolicy.Reduce });
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1280, 720, 15), Machine.Rung(854, 480, 15), Machine.Rung(640, 360, 15)).Settle();
        Assert.Equal(["cpu", "gpu-0", "gpu-0"], worker.Places.Order());
        Assert.Empty(worker.Refused);
        Assert.All(worker.Running, running => Assert.Equal(15, running.Value.Settings.FrameRate));
    }

    [Theory]
    [InlineData("vaapi")]
    [InlineData("qsv")]
    [InlineData("nvenc")]
    public void Forbid_takes_whatever_hardware_of_the_order_the_machine_has(string kind)
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", kind: kind), Machine.HardwareFirst with { Fallback = FallbackPolicy.Forbid });
        Assert.Equal("gpu-0", machine.Worker("live/a").Ask(Small).Settle().Running[0].Place.Id);
        var split = new PlacementPolicy(["qsv", "software", "nvenc", "vaapi"], FallbackPolicy.Forbid);
        Assert.Equal("gpu-0", new Machine(new ModelDriver().Gpu("gpu-0", kind: kind), split).Worker("live/a").Ask(Small).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void Forbid_refuses_on_a_machine_without_the_hardware_that_the_order_names_and_says_so()
    {
        var refusal = new Machine(new ModelDriver(), Machine.HardwareFirst with { Fallback = FallbackPolicy.Forbid }).Worker("live/a").Ask(Small).Settle().Refused[0];
        Assert.Equal(Reasons.FallbackForbidden, refusal.Code);
        Assert.Contains("no device here encodes by nvenc, qsv, vaapi", refusal.Detail, StringComparison.Ordinal);
        var softwareFirst = new PlacementPolicy(["software", "nvenc"], FallbackPolicy.Forbid);
        Assert.Equal("cpu", new Machine(new ModelDriver(), softwareFirst).Worker("live/a").Ask(Small).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void Software_that_was_taken_before_any_card_had_proved_itself_is_left_for_it()
    {
        var machine = new Machine(new ModelDriver());
        var worker = machine.Worker("live/a").Ask(Small).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        machine.Driver.Gpu("gpu-0");
        machine.Probe();
        machine.Pass(25, worker);
        Assert.Equal(("gpu-0", Reasons.Returned), (worker.Running[0].Place.Id, worker.Running[0].Reason.Code));
    }

    [Fact]
    public void A_rendition_that_cannot_move_does_not_keep_a_place_that_is_promised()
    {
        var machine = Capped(1);
        var cheap = machine.Worker("live/cheap").Ask(Small).Settle();
        machine.Worker("live/learns").Ask(Small).Settle();
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9)).Ask(Small);
        var failures = 0;
        machine.Driver.Refusing = (device, _) => device == "cpu" && failures++ == 0 ? (-542398533, "no thread") : null;
        cheap.Settle();
        dear.Settle();
        Assert.Equal("gpu-0", dear.Running[0].Place.Id);
        Assert.Equal("cpu", cheap.Running[0].Place.Id);
        Assert.Equal(machine.Driver.Leases(), machine.Manager.Snapshot().Leases.Select(lease => lease.Id));
    }

    [Fact]
    public void Nobody_is_moved_for_a_stream_that_keeps_away_from_the_place()
    {
        var machine = new Machine(new ModelDriver { Cap = 1 }.Gpu("gpu-0", consumer: false).Gpu("gpu-1", consumer: false));
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9)).Ask(Small).Settle();
        foreach (var _ in machine.Driver.Devices)
        {
            dear.Fail(0, LeaseOutcome.EncoderFailed);
            dear.Settle();
        }

        ModelWorker[] cheap = [machine.Worker("live/a").Ask(Small).Settle(), machine.Worker("live/b").Ask(Small).Settle()];
        machine.Worker("live/learns").Ask(Small).Settle();
        Assert.Equal(["gpu-0", "gpu-1"], cheap.SelectMany(worker => worker.Places).Order());
        dear.Stop(0);
        dear.Ask(Small).Settle();
        Assert.Equal("cpu", dear.Running[0].Place.Id);
        Assert.All(cheap, worker => Assert.Single(worker.Grants));
    }

    [Fact]
    public void The_cpu_budget_refuses_what_goes_beyond_it()
    {
        var machine = new Machine(new ModelDriver(), Machine.HardwareFirst with { CpuBudget = 3 });
        var first = machine.Worker("live/a").Ask(Machine.Hd).Settle();
        var second = machine.Worker("live/b").Ask(Machine.Hd).Settle();
        Assert.Equal(3, first.Running.Count);
        Assert.NotEmpty(second.Refused);
        Assert.All(second.Refused.Values, reason => Assert.Equal(Reasons.CpuBudget, reason.Code));
    }

    [Fact]
    public void Without_a_budget_software_is_never_refused()
    {
        var machine = new Machine(new ModelDriver());
        var workers = Enumerable.Range(0, 20).Select(i => machine.Worker($"live/{i}").Ask(Machine.Hd).Settle()).ToList();
        Assert.All(workers, worker => Assert.Equal(3, worker.Running.Count));
    }

    [Fact]
    public void Renditions_in_software_return_to_hardware_that_has_been_free_for_a_while()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        var worker = machine.Worker("live/a").Ask(Small).Settle();
        worker.Fail(0, LeaseOutcome.EncoderFailed);
        worker.Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        _ = machine.Worker("live/probation");
        machine.Pass(6, worker);
        var trial = machine.Worker("live/trial").Ask(Small).Settle();
        Assert.Equal("gpu-0", trial.Running[0].Place.Id);
        machine.Pass(11, worker);
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        machine.Pass(25, worker);
        Assert.Equal(("gpu-0", LeaseStart.NextKeyframe, Reasons.Returned), (worker.Running[0].Place.Id, worker.Running[0].Start, worker.Running[0].Reason.Code));
        Assert.Equal(machine.Driver.Leases(), machine.Manager.Snapshot().Leases.Select(lease => lease.Id));
    }

    [Fact]
    public void A_full_card_is_not_returned_to_until_it_is_well_below_full()
    {
        var machine = FullBut(10e6, FallbackPolicy.Allow);
        var worker = machine.Worker("live/a").DecodesOn(Gpu).Ask(Machine.Rung(1280, 720)).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        machine.Pass(60, worker);
        Assert.Equal("cpu", worker.Running[0].Place.Id);
    }

    [Fact]
    public void Software_named_first_is_used_first()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0"), new PlacementPolicy(["software", "nvenc"]));
        Assert.Equal("cpu", machine.Worker("live/a").Ask(Small).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void A_picture_too_large_for_a_card_goes_elsewhere_and_B_frames_are_held_to_what_it_makes()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", maxWidth: 2048));
        var worker = machine.Worker("live/a").Ask(Machine.Rung(3840, 2160), Small with { BFrames = 4 }).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Equal(("gpu-0", 2), (worker.Running[1].Place.Id, worker.Running[1].Settings.BFrames));
    }

    [Fact]
    public void A_plan_equals_what_a_request_then_gets()
    {
        var machine = Capped(2);
        machine.Worker("live/learns").Ask(Small, Machine.Rung(1280, 720), Machine.Rung(854, 480)).Settle();
        machine.Manager.ReleaseAll(machine.Worker("nobody"));
        EncodeDemand[] demands = [.. Machine.Hd.Append(Machine.Hd[0]).Select((settings, number) => new EncodeDemand(number, settings))];
        var request = new LeaseRequest(Gpu, 1920, 1080, 30, demands);
        var before = machine.Device("gpu-0").Encode;
        var plan = machine.Manager.Plan(request, number => new LeaseTerms($"r{number}"));
        Assert.Equal(before, machine.Device("gpu-0").Encode);
        var worker = machine.Worker("live/a").DecodesOn(Gpu).Ask(demands).Settle();
        foreach (var rendition in plan.Renditions)
        {
            Assert.Equal(rendition.Place, worker.Running[rendition.Number].Place);
            Assert.Equal(rendition.Settings, worker.Running[rendition.Number].Settings);
            Assert.Equal(rendition.Reason, worker.Running[rendition.Number].Reason);
            Assert.Equal(["cpu", "gpu-0"], rendition.Places.Select(place => place.Device).Order());
        }
    }

    [Fact]
    public void A_plan_counts_the_cores_that_decoding_will_take()
    {
        var machine = new Machine(new ModelDriver(), Machine.HardwareFirst with { CpuBudget = 2.5 });
        EncodeDemand[] demands = [.. Machine.Hd.Select((settings, number) => new EncodeDemand(number, settings))];
        var plan = machine.Manager.Plan(new LeaseRequest(DeviceRef.Cpu, 1920, 1080, 30, demands), number => new LeaseTerms($"r{number}"));
        var worker = machine.Worker("live/a").Ask(demands).Settle();
        Assert.Equal([2], worker.Refused.Keys);
        Assert.Equal(plan.Renditions.Where(rendition => rendition.Place is null).Select(rendition => rendition.Number), worker.Refused.Keys);
    }

    private static DeviceRef Gpu => new("gpu-0", "nvenc");

    private static Machine Capped(int cap) => new(new ModelDriver { Cap = cap }.Gpu("gpu-0"));

    /// <summary>One calibrated card with so many pixels a second left below full.</summary>
    private static Machine FullBut(double left, FallbackPolicy fallback)
    {
        var driver = new ModelDriver().Gpu("gpu-0", consumer: false);
        var machine = new Machine(driver, Machine.HardwareFirst with { Fallback = fallback }, Machine.Calibrated(driver, 1_000e6));
        machine.Worker("live/full").DecodesOn(Gpu).Ask(Machine.Rung(1000, 1000, (900e6 - left) / 1e6)).Settle();
        return machine;
    }
}
