using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class LeaseTests
{
    private static readonly DeviceRef Gpu = new("gpu", "nvenc");

    [Fact]
    public void All_demands_are_asked_for_at_once_and_nothing_is_opened_before_the_grant()
    {
        var asked = false;
        var early = 0;
        using var bench = new WorkerBench(
            new FakeLedger { Answer = demand => { asked = true; return FakeLedger.At(demand, Gpu); } },
            new FakeDevice("nvenc", "gpu") { Opening = _ => early += asked ? 0 : 1 });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.EndSource();

        var request = Assert.Single(bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest));
        Assert.Equal((DeviceRef.Cpu, 1920, 1080, 25.0), (request.Decoder, request.SourceWidth, request.SourceHeight, request.SourceFrameRate));
        Assert.Equal([(0, 720), (1, 480)], request.Demands.Select(demand => (demand.Number, demand.Settings.Height)));
        Assert.Equal(0, early);
        Assert.Equal([1L, 2L], bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Select(started => started.Lease).Order());
        Assert.All(bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted), started =>
        {
            Assert.Equal(("gpu", "nvenc", Reasons.LeastCost), (started.Device, started.DeviceKind, started.Reason.Code));
            Assert.Equal("h264 on fake software, uploaded once, scaled on fake nvenc", started.Decoder);
        });
        Assert.All(bench.Daemon.All<LeaseClosed>(WorkerMessageType.LeaseClosed), closed => Assert.Equal(LeaseOutcome.Released, closed.Outcome));
        Assert.All([0, 1], rendition => Assert.Equal(Pictures(0, 30), bench.Daemon.Times(rendition)));
    }

    [Fact]
    public void A_refusal_ends_that_rendition_alone_with_the_daemon_s_reason()
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => demand.Number == 0 ? FakeLedger.Refuse(demand) : FakeLedger.At(demand, DeviceRef.Cpu) });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.EndSource();

        Assert.Equal(new Reason(Reasons.NoPlace, "the test refuses"), bench.Daemon.RenditionEnd(0));
        Assert.Empty(bench.Daemon.Packets(0, TrackKind.Video));
        Assert.Equal(30, bench.Daemon.Times(1).Count);
    }

    [Fact]
    public void A_demand_without_an_answer_ends_its_rendition_after_the_deadline_and_the_others_lose_nothing()
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => demand.Number == 0 ? null : FakeLedger.At(demand, DeviceRef.Cpu) });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 200);
        bench.Daemon.WaitFor(daemon => daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest).Count == 1, "the request");
        while (!bench.Daemon.Saw(daemon => daemon.RenditionEnd(0) is not null, TimeSpan.FromMilliseconds(100)))
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
        }

        // Its answer comes too late and goes back.
        bench.Daemon.Send(bench.Ledger.Number(FakeLedger.At(bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands[0], DeviceRef.Cpu)));
        bench.EndSource();
        Assert.Equal(Reasons.NoPlace, bench.Daemon.RenditionEnd(0)!.Value.Code);
        Assert.Equal(Pictures(0, 200), bench.Daemon.Times(1));
    }

    [Fact]
    public void A_place_where_no_session_opens_is_given_back_with_the_codec_s_words_and_another_is_asked_for()
    {
        using var bench = new WorkerBench(
            new FakeLedger { Answer = Once(Gpu) },
            new FakeDevice("nvenc", "gpu") { Opening = _ => throw new CodecException("too many concurrent sessions", -12) });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30, lag: 3000);
        bench.EndSource();

        var closed = bench.Daemon.All<LeaseClosed>(WorkerMessageType.LeaseClosed);
        Assert.Equal([new LeaseClosed(1, LeaseOutcome.OpenFailed, -12, "too many concurrent sessions")], closed.Take(1));
        Assert.Equal(LeaseOutcome.Released, closed[1].Outcome);
        Assert.Equal(Pictures(0, 30), bench.Daemon.Times(0));
        Assert.Equal("cpu", Assert.Single(bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted)).Device);
    }

    [Fact]
    public void A_place_that_never_opens_ends_the_rendition_when_the_restarts_are_used_up()
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, new DeviceRef("gone", "nvenc")) });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(new RenditionSpec("sound", null, new AudioSpec(CodecId.Aac, 96000))));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.EndSource();

        Assert.Equal(Reasons.EncoderFailed, bench.Daemon.RenditionEnd(0)!.Value.Code);
        Assert.Contains("there is no device gone (nvenc)", bench.Daemon.RenditionEnd(0)!.Value.Detail);
        Assert.Equal(4, bench.Daemon.All<LeaseClosed>(WorkerMessageType.LeaseClosed).Count(closed => closed is { Outcome: LeaseOutcome.OpenFailed, Error: -19 }));
        var report = bench.Daemon.LastReport(0);
        Assert.Equal((report.FramesIn, 0), (report.FramesLost, report.FramesPending));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Renditions_with_one_lease_share_a_session_and_keep_their_own_beginnings(int bFrames)
    {
        var sessions = 0;
        var device = new FakeDevice { Opening = what => sessions += what is VideoEncoderSettings ? 1 : 0 };
        using var bench = new WorkerBench(new FakeLedger { Shares = true }, device);
        var rung = Rung("a", 720, bFrames: bFrames);
        bench.Start(
            new RenditionJob(rung, Ms(11 * 40), MediaTime.MinValue),
            new RenditionJob(rung with { Name = "b" }, Ms(20 * 40), MediaTime.MinValue),
            Fresh(Rung("c", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(5, 60, lag: 3000);
        bench.EndSource();

        Assert.Equal(2, sessions);
        Assert.Equal(Pictures(12, 53), bench.Daemon.Times(0).Order());
        Assert.Equal(Pictures(21, 44), bench.Daemon.Times(1).Order());
        Assert.Equal([Ms(12 * 40), Ms(21 * 40), Ms(1000), Ms(2000)], bench.Daemon.Keyframes(0));
        Assert.Equal([Ms(21 * 40), Ms(1000), Ms(2000)], bench.Daemon.Keyframes(1));
        Assert.All([0, 1], rendition =>
        {
            var report = bench.Daemon.LastReport(rendition);
            Assert.Equal((rendition == 0 ? 53 : 44, rendition == 0 ? 53 : 44, 0), (report.FramesIn, report.FramesEncoded, report.FramesPending));
            Assert.All(bench.Daemon.Packets(rendition, TrackKind.Video), packet => Assert.True(packet.Header.Dts >= Ms((rendition == 0 ? 11 : 20) * 40)));
        });
        var started = bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted);
        Assert.Equal(2, started.Count(each => each.Lease == 1));
    }

    [Fact]
    public void A_grant_may_ask_for_less_and_frames_are_left_out_by_plan()
    {
        using var bench = new WorkerBench(new FakeLedger
        {
            Answer = demand => FakeLedger.At(demand with { Settings = demand.Settings with { FrameRate = 12.5, Preset = "fastest" } }, DeviceRef.Cpu),
        });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 100);
        bench.EndSource();

        Assert.Equal(12.5, bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted)[0].FrameRate);
        var report = bench.Daemon.LastReport(0);
        Assert.Equal((100, 100, 0), (report.FramesIn, report.FramesEncoded + report.FramesDroppedByPlan, report.FramesDroppedLate));

        // Pictures that came before the session was open are encoded all the same.
        Assert.InRange(report.FramesEncoded, 50, 70);
        Assert.Equal([Ms(0), Ms(1000), Ms(2000), Ms(3000)], bench.Daemon.Keyframes(0));
    }

    [Fact]
    public void A_device_without_a_scale_engine_is_helped_by_the_CPU()
    {
        var scaled = 0;
        using var bench = new WorkerBench(
            new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) },
            new FakeDevice("nvenc", "gpu") { Scales = false },
            new FakeDevice { Scaling = (_, _) => Interlocked.Increment(ref scaled) });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.EndSource();

        Assert.Equal(Pictures(0, 30), bench.Daemon.Times(0));
        Assert.Equal(30, scaled);
        Assert.Contains("fake nvenc has no scale engine", bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted)[0].Decoder);
    }

    [Fact]
    public void Each_size_is_made_on_the_device_that_encodes_it_from_the_next_larger_one_there()
    {
        var gpu = new List<(int, int)>();
        var cpu = new List<(int, int)>();
        using var bench = new WorkerBench(
            new FakeLedger { Answer = demand => FakeLedger.At(demand, demand.Number == 1 ? DeviceRef.Cpu : Gpu) },
            new FakeDevice("nvenc", "gpu") { Scaling = (frame, target) => { lock (gpu) { gpu.Add((frame.Height, target.Height)); } } },
            new FakeDevice { ReorderDepth = 0, Scaling = (frame, target) => { lock (cpu) { cpu.Add((frame.Height, target.Height)); } } });
        bench.Start(Fresh(Rung("480p", 480)), Fresh(Rung("540p", 540)), Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 1);
        bench.Daemon.WaitFor(daemon => Enumerable.Range(0, 3).All(rendition => daemon.Times(rendition).Count == 1), "the sessions");
        gpu.Clear();
        cpu.Clear();
        bench.SendPictures(1, 10);
        bench.EndSource();

        Assert.Equal(20, gpu.Count);
        Assert.Equal([(720, 480), (1080, 720)], gpu.Distinct().Order());
        Assert.Equal([(1080, 540)], cpu.Distinct());
    }

    [Fact]
    public void A_source_of_another_shape_asks_for_what_has_changed_and_goes_on()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("480p", 480)), Fresh(Rung("square", 0) with { Video = new VideoSpec(CodecId.H264, 320, 240, 1_000_000) }));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.WaitFor(daemon => daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Count == 2, "the first sessions");
        bench.Daemon.Send(VideoTrack with { Config = new byte[] { 9 }, Video = new VideoFormat(960, 720, 25) });
        bench.SendPictures(30, 5);
        bench.Daemon.WaitFor(daemon => daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest).Count == 2, "the request for the new shape");
        bench.Daemon.WaitFor(daemon => daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Count == 4, "the new sessions");
        bench.SendPictures(35, 26);
        bench.EndSource();

        var requests = bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest);
        Assert.Equal((960, 720), (requests[1].SourceWidth, requests[1].SourceHeight));
        Assert.All([0, 1], rendition => Assert.Equal(Pictures(0, 61), bench.Daemon.Times(rendition)));
        Assert.Equal(2, bench.Daemon.Messages.Count(message => message.Header is { Type: WorkerMessageType.Track, Number: 0 }));
    }

    internal static IEnumerable<MediaTime> Pictures(int from, int count) => Enumerable.Range(from, count).Select(i => Ms(i * 40));

    /// <summary>The first answer is there, all later ones are the CPU.</summary>
    internal static Func<EncodeDemand, LeaseGrant?> Once(DeviceRef place)
    {
        var answers = 0;
        return demand => FakeLedger.At(demand, answers++ == 0 ? place : DeviceRef.Cpu);
    }
}
