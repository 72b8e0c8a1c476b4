using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.LeaseTests;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class MoveTests
{
    private static readonly DeviceRef Gpu = new("gpu", "nvenc");

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_move_now_goes_on_with_an_IDR_and_each_frame_once(int bFrames)
    {
        using var bench = new WorkerBench(new FakeDevice("nvenc", "gpu"));
        bench.Start(Fresh(Rung("720p", 720, bFrames: bFrames)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 20, "pictures");
        Order(bench, Gpu, LeaseStart.Now);
        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 2, "the move");
        bench.SendPictures(30, 30);
        bench.EndSource();

        AssertWhole(bench, 0, 60, bFrames);
        Assert.Equal(["cpu", "gpu"], Started(bench.Daemon).Select(started => started.Device));
        // The grid's three, and the first picture of the new encoder, which may fall on one of them.
        var first = bench.Daemon.Messages.Where(message => message.Header.Type is WorkerMessageType.Track or WorkerMessageType.Packet)
            .SkipWhile(message => message.Header.Type == WorkerMessageType.Track)
            .SkipWhile(message => message.Header.Type == WorkerMessageType.Packet).First(message => message.Header.Type == WorkerMessageType.Packet).Header.Pts;
        Assert.Equal(new[] { Ms(0), Ms(1000), Ms(2000), first }.Distinct().Order(), bench.Daemon.Keyframes(0).Order());
        Assert.Equal([(1L, LeaseOutcome.Released), (2L, LeaseOutcome.Released)], Closed(bench.Daemon).Select(closed => (closed.Lease, closed.Outcome)));

        // Another encoder's headers differ: they are sent again.
        Assert.Equal(2, bench.Daemon.Messages.Count(message => message.Header.Type == WorkerMessageType.Track));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_move_at_the_next_keyframe_adds_none_and_encodes_no_frame_twice(int bFrames)
    {
        var encoded = new List<(string Device, MediaTime Pts)>();
        void Note(string device, Frame frame)
        {
            lock (encoded)
            {
                encoded.Add((device, frame.Pts));
            }
        }

        bool HasMoved()
        {
            lock (encoded)
            {
                return encoded.Exists(each => each.Device == "gpu");
            }
        }

        using var bench = new WorkerBench(
            new FakeDevice("nvenc", "gpu") { Encoding = (_, frame) => Note("gpu", frame) },
            new FakeDevice { Encoding = (_, frame) => Note("cpu", frame) });
        bench.Start(Fresh(Rung("720p", 720, bFrames: bFrames)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 4, "pictures");
        Order(bench, Gpu, LeaseStart.NextKeyframe);

        // However long the opening takes; and a GOP more.
        var count = 10;
        for (var left = 1; left >= 0 && count < 10_000; left -= HasMoved() ? 1 : 0)
        {
            bench.SendPictures(count, 25);
            count += 25;
            bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > count - 10, "the pictures so far");
        }

        bench.EndSource();
        AssertWhole(bench, 0, count, bFrames);
        Assert.Equal(Enumerable.Range(0, ((count - 1) / 25) + 1).Select(second => Ms(second * 1000)), bench.Daemon.Keyframes(0));
        Assert.Equal(count, encoded.Count);
        Assert.Equal(0, encoded.First(each => each.Device == "gpu").Pts.Milliseconds % 1000);
        Assert.Equal(encoded.OrderBy(each => each.Pts), encoded);
    }

    [Fact]
    public void The_old_encoder_works_until_the_new_one_is_open()
    {
        using var open = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeDevice("nvenc", "gpu") { Opening = _ => open.Wait(TimeSpan.FromSeconds(10)) });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        Order(bench, Gpu, LeaseStart.Now, after: 5);
        bench.SendPictures(10, 50);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count >= 55, "pictures of the old encoder");
        Assert.Single(Started(bench.Daemon));
        open.Set();
        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 2, "the move");
        bench.SendPictures(60, 10);
        bench.EndSource();
        AssertWhole(bench, 0, 70, 0);
    }

    [Fact]
    public void A_move_to_a_place_that_does_not_open_leaves_the_rendition_where_it_works()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        Order(bench, Gpu, LeaseStart.NextKeyframe, after: 20);
        bench.Daemon.WaitFor(daemon => Closed(daemon).Count > 0, "the failure");
        bench.SendPictures(30, 30);
        bench.EndSource();

        AssertWhole(bench, 0, 60, 0);
        Assert.Equal((2L, LeaseOutcome.OpenFailed), (Closed(bench.Daemon)[0].Lease, Closed(bench.Daemon)[0].Outcome));
        Assert.Single(bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest));
        Assert.Equal(3, bench.Daemon.Keyframes(0).Count);
    }

    [Fact]
    public void A_later_order_replaces_one_whose_session_is_still_being_opened()
    {
        using var open = new ManualResetEventSlim();
        using var opening = new ManualResetEventSlim();
        using var bench = new WorkerBench(
            new FakeDevice("nvenc", "gpu")
            {
                Opening = _ =>
                {
                    opening.Set();
                    open.Wait(TimeSpan.FromSeconds(10));
                },
            },
            new FakeDevice("vaapi", "card"));
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        Order(bench, Gpu, LeaseStart.Now, after: 20);
        Assert.True(opening.Wait(TimeSpan.FromSeconds(10)));
        Order(bench, new DeviceRef("card", "vaapi"), LeaseStart.Now);
        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 2, "the second place");
        open.Set();
        bench.Daemon.WaitFor(daemon => Closed(daemon).Any(closed => closed.Lease == 2), "the first place goes back");
        bench.SendPictures(30, 30);
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(["cpu", "card"], Started(bench.Daemon).Select(started => started.Device));
    }

    [Fact]
    public void A_rendition_whose_place_is_taken_away_ends_with_the_reason()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 20, "pictures");
        var demand = bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands[0];
        bench.Daemon.Send(FakeLedger.Refuse(demand) with { Reason = new Reason(Reasons.Preempted, "a greater priority") });
        bench.Daemon.WaitFor(daemon => Closed(daemon).Count > 0, "the lease");
        bench.SendPictures(30, 30);
        bench.EndSource();

        Assert.Equal(Reasons.Preempted, bench.Daemon.RenditionEnd(0)!.Value.Code);
        Assert.Equal(60, bench.Daemon.Times(1).Count);
        Assert.Equal(0, bench.Daemon.LastReport(0).FramesPending);
    }

    [Fact]
    public void Renditions_that_share_a_session_move_together()
    {
        using var bench = new WorkerBench(new FakeLedger { Shares = true }, new FakeDevice("nvenc", "gpu"));
        bench.Start(Fresh(Rung("a", 720)), Fresh(Rung("b", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 20, "pictures");
        var demands = bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands;
        var grant = bench.Ledger.Number(FakeLedger.At(demands[0], Gpu));
        bench.Daemon.Send(grant);
        bench.Daemon.Send(grant with { Number = 1 });
        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 4, "the move");
        bench.SendPictures(30, 30);
        bench.EndSource();

        AssertWhole(bench, 0, 60, 0);
        AssertWhole(bench, 1, 60, 0);
        Assert.Equal(2, Closed(bench.Daemon).Count);
    }

    [Fact]
    public void A_grant_of_the_lease_in_use_means_stay_and_opens_nothing()
    {
        var sessions = 0;
        using var bench = new WorkerBench(new FakeDevice { Opening = what => sessions += what is VideoEncoderSettings ? 1 : 0 });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 20, "pictures");

        // The move fails, it asks again, and the daemon leaves it where it is.
        bench.Ledger.Answer = demand => FakeLedger.At(demand, DeviceRef.Cpu) with { Lease = 1 };
        bench.Ledger.IsNumbered = true;
        Order(bench, Gpu, LeaseStart.Now);
        bench.Daemon.WaitFor(daemon => daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest).Count == 2, "the request after the failure");
        bench.SendPictures(30, 30);
        bench.EndSource();

        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(1, sessions);
        Assert.Equal([(2L, LeaseOutcome.OpenFailed), (1L, LeaseOutcome.Released)], Closed(bench.Daemon).Select(closed => (closed.Lease, closed.Outcome)));
    }

    [Fact]
    public void An_opening_of_half_a_second_costs_no_frame()
    {
        using var open = new ManualResetEventSlim();
        var gpu = new FakeDevice("nvenc", "gpu") { Encoding = (_, frame) => ThrowAt(frame, 20) };
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, gpu, new FakeDevice
        {
            Opening = what =>
            {
                if (what is VideoEncoderSettings)
                {
                    open.Wait(TimeSpan.FromSeconds(10));
                }
            },
        });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 24);
        bench.Daemon.WaitFor(daemon => Closed(daemon).Count > 0, "the failure");
        for (var i = 24; i < 38; i++)
        {
            bench.SendPictures(i, 1);
            bench.Time.Advance(TimeSpan.FromMilliseconds(40));
        }

        open.Set();
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 34, "the backlog");
        bench.SendPictures(38, 22);
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(0, bench.Daemon.LastReport(0).FramesDroppedLate);
    }

    internal static void ThrowAt(Frame frame, int picture)
    {
        if (frame.Pts == Ms(picture * 40))
        {
            throw new CodecException("the session is gone", -5);
        }
    }

    internal static IReadOnlyList<RenditionStarted> Started(FakeDaemon daemon) => daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted);

    internal static IReadOnlyList<LeaseClosed> Closed(FakeDaemon daemon) => daemon.All<LeaseClosed>(WorkerMessageType.LeaseClosed);

    /// <summary>Each picture once; at each boundary all earlier ones are there; decoding times never decrease.</summary>
    internal static void AssertWhole(WorkerBench bench, int rendition, int pictures, int bFrames)
    {
        var packets = bench.Daemon.Packets(rendition, TrackKind.Video);
        Assert.Equal(Pictures(0, pictures), bFrames == 0 ? packets.Select(packet => packet.Header.Pts) : packets.Select(packet => packet.Header.Pts).Order());
        Assert.Equal(packets.Select(packet => packet.Header.Dts).Order(), packets.Select(packet => packet.Header.Dts));
        var seen = new SortedSet<MediaTime>();
        foreach (var packet in packets)
        {
            seen.Add(packet.Header.Pts);
            if (packet.Header.LinkFlags.HasFlag(WorkerPacketFlags.Boundary))
            {
                Assert.Equal(Pictures(0, seen.Count), seen);
            }
        }

        var report = bench.Daemon.LastReport(rendition);
        Assert.Equal((pictures, 0, 0, 0), (report.FramesEncoded, report.FramesDroppedLate, report.FramesLost, report.FramesPending));
    }

    private static void Order(WorkerBench bench, DeviceRef place, LeaseStart start, int after = 0)
    {
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > after, "pictures before the order");
        var demand = bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands[0];
        bench.Daemon.Send(bench.Ledger.Number(FakeLedger.At(demand, place, start)));
    }
}
