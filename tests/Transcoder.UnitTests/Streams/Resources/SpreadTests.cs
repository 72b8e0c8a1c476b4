using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

public sealed class SpreadTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Twelve_ladders_are_spread_evenly_by_pixels(int gpus)
    {
        var machine = MachineOf(gpus, 2_000e6);
        foreach (var stream in Enumerable.Range(0, 12))
        {
            var worker = machine.Start($"live/{stream}", Machine.Hd);
            Assert.Equal(3, worker.Running.Count);
        }

        AssertEven(machine, gpus);
    }

    [Fact]
    public void Twelve_ladders_that_all_start_before_any_worker_asks_are_spread_as_evenly()
    {
        var machine = MachineOf(4, 2_000e6);
        var track = new Transcoder.Media.Tracks.Track(Transcoder.Media.Tracks.TrackKind.Video, Transcoder.Media.Tracks.CodecId.H264, default, new Transcoder.Media.Tracks.VideoFormat(1920, 1080, 30));
        RenditionSpec[] ladder = [.. Machine.Hd.Select((rung, i) => new RenditionSpec($"r{i}", new VideoSpec(rung.Codec, 0, rung.Height, rung.Bitrate), null))];
        var started = Enumerable.Range(0, 12).Select(i => machine.Worker($"live/{i}")).Select(worker => (worker, machine.Manager.DecodeOrder(worker, track, ladder)[0])).ToList();
        foreach (var (worker, decoder) in started)
        {
            worker.DecodesOn(decoder).Ask(Machine.Hd).Settle();
        }

        AssertEven(machine, 4);
    }

    [Fact]
    public void Encoders_that_are_still_to_be_asked_for_count_where_they_will_probably_go()
    {
        var machine = MachineOf(2, 2_000e6);
        var track = new Transcoder.Media.Tracks.Track(Transcoder.Media.Tracks.TrackKind.Video, Transcoder.Media.Tracks.CodecId.H264, default, new Transcoder.Media.Tracks.VideoFormat(1920, 1080, 30));
        RenditionSpec[] ladder = [new RenditionSpec("r", new VideoSpec(Transcoder.Media.Tracks.CodecId.H264, 0, 1080, 5_000_000), null)];

        // One source is decoded on each card, and the first one's encoders are on their way.
        var first = machine.Manager.DecodeOrder(machine.Worker("live/a"), track, ladder)[0];
        Assert.NotEqual(first, machine.Manager.DecodeOrder(machine.Worker("live/b"), track, [])[0]);
        Assert.NotEqual(first, machine.Manager.DecodeOrder(machine.Worker("live/c"), track, ladder)[0]);
    }

    [Fact]
    public void A_ladder_stays_with_its_decoder_while_there_is_room()
    {
        var machine = MachineOf(4, 2_000e6);
        foreach (var stream in Enumerable.Range(0, 12))
        {
            Assert.Single(machine.Start($"live/{stream}", Machine.Hd).Places.Distinct());
        }
    }

    [Fact]
    public void The_second_card_is_used_before_the_first_is_late()
    {
        var machine = MachineOf(2, 400e6);

        // All of them are decoded on the first card, which can encode three such ladders.
        var workers = Enumerable.Range(0, 5).Select(i => machine.Worker($"live/{i}").DecodesOn(new("gpu-0", "nvenc")).Ask(Machine.Hd).Settle()).ToList();
        Assert.All(workers, worker => Assert.Equal(3, worker.Running.Count));
        Assert.Contains("gpu-1", workers.SelectMany(worker => worker.Places));
        Assert.All(["gpu-0", "gpu-1"], id => Assert.True(machine.Device(id).Encode!.LossRatio < 0.01));
        Assert.DoesNotContain("cpu", workers.SelectMany(worker => worker.Places));
    }

    [Fact]
    public void A_faster_card_gets_more()
    {
        var driver = new ModelDriver().Gpu("fast", consumer: false).Gpu("slow", consumer: false);
        var state = Machine.Calibrated(driver, 500e6);
        state = state with { Calibrations = new Dictionary<string, DeviceCalibration>(state.Calibrations) { ["fast"] = Machine.Calibrated(driver, 2_000e6).Calibrations["fast"] } };
        var machine = new Machine(driver, state: state);
        foreach (var stream in Enumerable.Range(0, 18))
        {
            machine.Start($"live/{stream}", Machine.Hd);
        }

        Assert.InRange(machine.Device("fast").Encode!.OurLoad / machine.Device("slow").Encode!.OurLoad, 3, 12);
        Assert.True(machine.Device("fast").Encode!.Delay < 0.02);
    }

    [Fact]
    public void Equal_renditions_share_one_session()
    {
        var machine = MachineOf(1, 2_000e6);
        var worker = machine.Start("live/a", [Machine.Rung(1280, 720), Machine.Rung(1280, 720), Machine.Rung(640, 360)]);
        Assert.Equal(worker.Running[0].Lease, worker.Running[1].Lease);
        Assert.Equal(Reasons.SharedSession, worker.Running[1].Reason.Code);
        Assert.Equal(2, machine.Driver.Leases().Count);
        worker.Stop(0);
        Assert.Equal(2, machine.Driver.Leases().Count);
        worker.Stop(1);
        Assert.Single(machine.Driver.Leases());
        Assert.Single(machine.Manager.Snapshot().Leases);
    }

    [Fact]
    public void A_card_without_an_encode_engine_decodes_and_the_cpu_encodes()
    {
        var machine = new Machine(new ModelDriver().Gpu("h200", consumer: false, encodes: false));
        var worker = machine.Worker("live/a");
        var order = machine.Manager.DecodeOrder(worker, new(Transcoder.Media.Tracks.TrackKind.Video, Transcoder.Media.Tracks.CodecId.H264, default, new(1920, 1080, 30)), []);
        Assert.Equal(["h200", "cpu"], order.Select(place => place.Id));
        worker.DecodesOn(order[0]).Ask(Machine.Hd).Settle();
        Assert.All(worker.Running.Values, grant => Assert.Equal("cpu", grant.Place.Id));
        Assert.Contains(machine.Manager.Plan(new(order[0], 1920, 1080, 30, [new(0, Machine.Hd[0])]), _ => new("x")).Renditions[0].Places, place => place.Refusal?.Code == Reasons.NoEncodeEngine);
    }

    private static Machine MachineOf(int gpus, double capacity)
    {
        var driver = new ModelDriver();
        foreach (var i in Enumerable.Range(0, gpus))
        {
            driver.Gpu($"gpu-{i}", consumer: false);
        }

        return new Machine(driver, state: Machine.Calibrated(driver, capacity));
    }

    private static void AssertEven(Machine machine, int gpus)
    {
        var loads = Enumerable.Range(0, gpus).Select(i => machine.Device($"gpu-{i}").Encode!.OurLoad).ToList();
        Assert.All(loads, load => Assert.InRange(load / loads.Average(), 0.85, 1.15));
        Assert.Equal(12 * Machine.Hd.Sum(rung => rung.Width * (double)rung.Height * 30), loads.Sum(), 1.0);
    }
}
