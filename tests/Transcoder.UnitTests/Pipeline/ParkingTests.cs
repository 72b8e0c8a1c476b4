using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.LeaseTests;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class ParkingTests
{
    private static readonly AudioSpec Sound = new(CodecId.Aac, 96000);

    [Fact]
    public void A_refused_rendition_takes_no_frames_and_begins_with_an_IDR_when_it_is_granted_a_place()
    {
        using var bench = new WorkerBench(RefusesFirst());
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 33);
        bench.Daemon.WaitFor(daemon => daemon.Times(1).Count >= 28, "the other's pictures");
        Assert.Equal(Reasons.NoPlace, bench.Daemon.RenditionEnd(0)!.Value.Code);
        GrantPlace(bench, 0);
        bench.SendPictures(33, 40);
        bench.EndSource();

        // At once, though the grid's next point is at one second and a half.
        var times = bench.Daemon.Times(0);
        Assert.InRange(times[0].Milliseconds, 28 * 40, 34 * 40);
        Assert.Equal(Pictures((int)(times[0].Milliseconds / 40), times.Count), times);
        Assert.Equal(Ms(72 * 40), times[^1]);
        Assert.Equal([times[0], Ms(2000)], bench.Daemon.Keyframes(0));
        AssertAllEncoded(bench, 0, times.Count);
        Assert.Equal(Pictures(0, 73), bench.Daemon.Times(1));
        Assert.Equal([Ms(0), Ms(1000), Ms(2000)], bench.Daemon.Keyframes(1));
    }

    [Fact]
    public void Sound_begins_with_the_picture()
    {
        using var bench = new WorkerBench(RefusesFirst());
        bench.Start(Fresh(Rung("720p", 720, audio: Sound)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.Daemon.Send(AudioTrack);
        SendBoth(bench, 0, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(1).Count >= 25, "the other's pictures");
        GrantPlace(bench, 0);
        SendBoth(bench, 30, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 0, "a picture");
        SendBoth(bench, 40, 20);
        bench.EndSource();

        var sound = bench.Daemon.Times(0, TrackKind.Audio);
        Assert.InRange((sound[0] - bench.Daemon.Times(0)[0]).Milliseconds, 0, 15 * 40);
        Assert.InRange(sound[^1].Milliseconds, 58 * 40, 60 * 40);
    }

    [Fact]
    public void A_source_that_nobody_takes_is_not_decoded_until_one_returns_at_a_keyframe()
    {
        var decoders = 0;
        var device = new FakeDevice { Opening = what => decoders += what is Track ? 1 : 0 };
        using var bench = new WorkerBench(RefusesFirst(), device);
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 20);
        bench.Daemon.WaitFor(daemon => daemon.RenditionEnd(0) is not null, "the refusal");
        bench.SendPictures(20, 5);
        while (!bench.Daemon.Saw(daemon => daemon.All<WorkerReport>(WorkerMessageType.Report).Any(report => report.SourceVideoPackets == 25), TimeSpan.FromMilliseconds(20)))
        {
            bench.Time.Advance(TimeSpan.FromSeconds(1));
        }

        GrantPlace(bench, 0);
        bench.SendPictures(30, 30);
        bench.EndSource();

        Assert.Equal(2, decoders);
        Assert.Equal(Pictures(30, 30), bench.Daemon.Times(0));
        Assert.Equal(0, bench.Daemon.All<WorkerReport>(WorkerMessageType.Report)[^1].DamagedPackets);
        AssertAllEncoded(bench, 0, 30);
    }

    [Fact]
    public void An_encoder_that_failed_again_and_again_is_opened_when_it_is_granted_a_place_later()
    {
        var broken = true;
        var device = new FakeDevice { Opening = what => { if (broken && what is VideoEncoderSettings { Height: 720 }) { throw new CodecException("broken", -5); } } };
        using var bench = new WorkerBench(device);
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        bench.Daemon.WaitFor(daemon => daemon.RenditionEnd(0) is { Code: Reasons.EncoderFailed }, "the failure");
        broken = false;
        GrantPlace(bench, 0);
        bench.SendPictures(10, 30);
        bench.EndSource();

        var times = bench.Daemon.Times(0);
        Assert.Equal(Ms(39 * 40), times[^1]);
        Assert.Equal(times[0], bench.Daemon.Keyframes(0)[0]);
        var report = bench.Daemon.LastReport(0);
        Assert.Equal((report.FramesIn, times.Count, 0), (report.FramesEncoded + report.FramesLost, report.FramesEncoded, report.FramesPending));
        Assert.Equal(Pictures(0, 40), bench.Daemon.Times(1));
    }

    [Fact]
    public void One_that_was_stopped_in_mid_stream_returns_into_the_session_of_another_with_the_same_lease()
    {
        using var bench = new WorkerBench(new FakeLedger { Shares = true });
        bench.Start(Fresh(Rung("a", 720)), Fresh(Rung("b", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 15);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 5, "pictures");
        var demand = Demand(bench, 0);
        bench.Daemon.Send(FakeLedger.Refuse(demand));
        bench.Daemon.WaitFor(daemon => daemon.RenditionEnd(0) is not null, "the stop");
        bench.SendPictures(15, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(1).Count > 20, "the other's pictures");
        var before = bench.Daemon.Times(0).Count;
        bench.Daemon.Send(FakeLedger.At(demand, DeviceRef.Cpu) with { Lease = bench.Ledger.Held[0] });
        bench.SendPictures(25, 30);
        bench.EndSource();

        Assert.Equal(Pictures(0, 55), bench.Daemon.Times(1));
        var again = bench.Daemon.Times(0).Skip(before).ToList();
        Assert.True(again[0] > Ms(15 * 40), "what came while it was parked is not its own");
        Assert.Contains(again[0], bench.Daemon.Keyframes(0));
        Assert.Equal(Ms(54 * 40), again[^1]);
        Assert.Equal(3, bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Count(started => started.Lease == 1));
        Assert.Single(bench.Daemon.All<LeaseClosed>(WorkerMessageType.LeaseClosed));
        var report = bench.Daemon.LastReport(0);
        Assert.Equal((report.FramesIn, 0), (report.FramesEncoded + report.FramesLost, report.FramesPending));
    }

    [Fact]
    public void Two_that_return_at_once_with_one_lease_share_one_session()
    {
        using var open = new ManualResetEventSlim();
        var sessions = 0;
        var device = new FakeDevice
        {
            Opening = what =>
            {
                if (what is VideoEncoderSettings { Height: 720 })
                {
                    Interlocked.Increment(ref sessions);
                    open.Wait(TimeSpan.FromSeconds(10));
                }
            },
        };
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => demand.Number < 2 ? FakeLedger.Refuse(demand) : FakeLedger.At(demand, DeviceRef.Cpu) }, device);
        bench.Start(Fresh(Rung("a", 720)), Fresh(Rung("b", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 20);
        bench.Daemon.WaitFor(daemon => daemon.Times(2).Count > 15, "the other's pictures");
        var grant = bench.Ledger.Number(FakeLedger.At(Demand(bench, 0), DeviceRef.Cpu));
        bench.Daemon.Send(grant);
        bench.Daemon.Send(grant with { Number = 1 });
        bench.SendPictures(20, 5);
        Assert.True(SpinWait.SpinUntil(() => sessions > 0, TimeSpan.FromSeconds(10)));
        bench.SendPictures(25, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(2).Count > 30, "the other's pictures");
        open.Set();
        bench.EndSource();

        Assert.Equal(1, sessions);
        Assert.All([0, 1], number => Assert.Equal(Ms(34 * 40), bench.Daemon.Times(number)[^1]));
        Assert.Equal([grant.Lease, grant.Lease], bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Where(started => started.Height == 720).Select(started => started.Lease));
    }

    [Fact]
    public void Parked_while_the_source_changes_its_shape_it_asks_for_what_it_would_need_now()
    {
        using var bench = new WorkerBench(RefusesFirst());
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 15);
        bench.Daemon.WaitFor(daemon => daemon.Times(1).Count > 10, "the other's pictures");
        bench.Daemon.Send(VideoTrack with { Config = new byte[] { 9 }, Video = new VideoFormat(960, 720, 25) });

        // It returns with a picture that comes after the answer.
        var count = 15;
        while (count < 1000 && !bench.Daemon.Saw(
            daemon => daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Any(started => started is { Width: 960, Height: 720 }), TimeSpan.FromMilliseconds(10)))
        {
            bench.SendPictures(count++, 1);
        }

        bench.EndSource();
        Assert.InRange(count, 16, 999);
        Assert.Equal(Pictures(0, count), bench.Daemon.Times(1));
    }

    /// <summary>Refuses the first demand of rendition 0.</summary>
    private static FakeLedger RefusesFirst()
    {
        var refused = false;
        return new FakeLedger
        {
            Answer = demand =>
            {
                if (demand.Number != 0 || refused)
                {
                    return FakeLedger.At(demand, DeviceRef.Cpu);
                }

                refused = true;
                return FakeLedger.Refuse(demand);
            },
        };
    }

    private static EncodeDemand Demand(WorkerBench bench, int number) =>
        bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands.Single(demand => demand.Number == number);

    private static void GrantPlace(WorkerBench bench, int number) => bench.Daemon.Send(bench.Ledger.Number(FakeLedger.At(Demand(bench, number), DeviceRef.Cpu)));

    private static void SendBoth(WorkerBench bench, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            bench.Daemon.SendPacket(TrackKind.Audio, Ms(i * 40), Ms(i * 40), true, FakePayload.Sound(1920, i * 1920));
            bench.SendPictures(i, 1);
        }
    }

    private static void AssertAllEncoded(WorkerBench bench, int number, int frames)
    {
        var report = bench.Daemon.LastReport(number);
        Assert.Equal((frames, frames, 0, 0, 0, 0), (report.FramesIn, report.FramesEncoded, report.FramesDroppedLate, report.FramesDroppedByPlan, report.FramesLost, report.FramesPending));
    }
}
