using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Workers;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

public sealed class AwaitedTests
{
    private static readonly PlacementPolicy CardsOnly = new(["nvenc"]);
    private static readonly VideoEncoderSettings Small = Machine.Rung(640, 360);

    [Fact]
    public void A_refused_rendition_gets_the_place_that_somebody_leaves()
    {
        var machine = Capped(1);
        var (first, waiting) = (machine.Worker("live/a").Ask(Small).Settle(), Waiting(machine, "live/b"));
        machine.Pass(60, waiting);
        Assert.Empty(waiting.Running);
        var opens = machine.Driver.Opens;
        first.Die();
        machine.Pass(2, waiting);
        Assert.Equal("gpu-0", waiting.Running[0].Place.Id);
        Assert.Equal(opens + 1, machine.Driver.Opens);
        Assert.Equal(machine.Driver.Leases(), machine.Manager.Snapshot().Leases.Select(lease => lease.Id));
    }

    [Fact]
    public void It_is_left_alone_for_its_delay()
    {
        var machine = Capped(1);
        var (first, waiting) = (machine.Worker("live/a").Ask(Small).Settle(), Waiting(machine, "live/b", delay: 10));
        first.Die();
        machine.Pass(9, waiting);
        Assert.Empty(waiting.Running);
        machine.Pass(1, waiting);
        Assert.Single(waiting.Running);
    }

    [Fact]
    public void The_most_important_comes_first_and_moves_nobody()
    {
        var machine = Capped(1);
        var first = machine.Worker("live/a").Ask(Small).Settle();
        var cheap = Waiting(machine, "live/cheap");
        var dear = machine.Worker("live/dear", _ => new LeaseTerms("d", 9));
        dear.Ask(Small);
        first.Settle();
        dear.Settle();
        Assert.Equal(Reasons.Preempted, first.Refused[0].Code);
        Assert.True(machine.Manager.Await(first, 0, TimeSpan.Zero));

        // What took the place fails and waits for a while; nobody whom it pushed out is pushed out again when its time has come.
        dear.Stop(0);
        Assert.True(machine.Manager.Await(dear, 0, TimeSpan.FromSeconds(10)));
        machine.Pass(4, cheap, first);
        var now = first.Running.Count + cheap.Running.Count;
        Assert.Equal(1, now);
        var moved = machine.Driver.Opens;
        machine.Pass(60, cheap, first, dear);
        Assert.Empty(dear.Running);
        Assert.Equal(moved, machine.Driver.Opens);

        // Of those that wait it is the first.
        (first.Running.Count > 0 ? first : cheap).Die();
        machine.Pass(3, cheap, first);
        Assert.Empty(cheap.Running.Keys.Concat(first.Running.Keys));
        Assert.True(dear.HasMail);
    }

    [Fact]
    public void Other_programs_that_end_their_sessions_make_room()
    {
        var machine = Capped(2);
        machine.Driver.AddForeign("gpu-0", 77);
        machine.Sample();
        machine.Worker("live/a").Ask(Small).Settle();
        var waiting = Waiting(machine, "live/b");
        machine.Pass(20, waiting);
        Assert.Empty(waiting.Running);
        machine.Driver.RemoveForeign();
        machine.Pass(3, waiting);
        Assert.Single(waiting.Running);
    }

    [Fact]
    public void A_device_that_comes_back_makes_room()
    {
        var machine = new Machine(new ModelDriver(), CardsOnly);
        var waiting = Waiting(machine, "live/a");
        machine.Pass(5, waiting);
        machine.Driver.Gpu("gpu-0");
        machine.Probe();
        machine.Pass(2, waiting);
        Assert.Equal("gpu-0", waiting.Running[0].Place.Id);
    }

    [Fact]
    public void A_larger_CPU_budget_makes_room()
    {
        var machine = new Machine(new ModelDriver(), Machine.HardwareFirst with { CpuBudget = 0.01 });
        var waiting = Waiting(machine, "live/a");
        machine.Pass(5, waiting);
        Assert.Empty(waiting.Running);
        machine.Manager.Policy = Machine.HardwareFirst;
        machine.Pass(2, waiting);
        Assert.Equal("cpu", waiting.Running[0].Place.Id);
    }

    [Fact]
    public void It_is_granted_places_until_its_session_runs()
    {
        var machine = Capped(1);
        var (first, waiting) = (machine.Worker("live/a").Ask(Small).Settle(), Waiting(machine, "live/b"));
        first.Die();
        machine.Pass(2);
        var unused = waiting.Grants[^1];
        Assert.NotEqual(0, unused.Lease);
        machine.Manager.Close(waiting, new LeaseClosed(unused.Lease, LeaseOutcome.Released, 0, "not wanted any more"));
        machine.Pass(3);
        Assert.NotEqual(unused.Lease, waiting.Grants[^1].Lease);
        Assert.NotEqual(0, waiting.Grants[^1].Lease);
    }

    [Fact]
    public void It_is_forgotten_with_its_worker()
    {
        var machine = Capped(1);
        var (first, waiting) = (machine.Worker("live/a").Ask(Small).Settle(), Waiting(machine, "live/b"));
        waiting.Die();
        first.Die();
        machine.Pass(30);
        Assert.False(waiting.HasMail);
        Assert.Empty(machine.Manager.Snapshot().Leases);
        Assert.False(machine.Manager.Await(waiting, 0, TimeSpan.Zero));
    }

    [Fact]
    public void One_that_never_asked_does_not_wait()
    {
        var machine = Capped(1);
        var worker = machine.Worker("live/a").Ask(Small).Settle();
        Assert.False(machine.Manager.Await(worker, 1, TimeSpan.Zero));
    }

    private static Machine Capped(int cap) => new(new ModelDriver { Cap = cap }.Gpu("gpu-0"), CardsOnly);

    /// <summary>A worker whose only demand is refused and awaits a place.</summary>
    private static ModelWorker Waiting(Machine machine, string stream, int delay = 0)
    {
        var worker = machine.Worker(stream).Ask(Small).Settle();
        Assert.Single(worker.Refused);
        Assert.True(machine.Manager.Await(worker, 0, TimeSpan.FromSeconds(delay)));
        return worker;
    }
}
