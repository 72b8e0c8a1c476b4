using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.LeaseTests;
using static Transcoder.UnitTests.Pipeline.MoveTests;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class FailureTests
{
    private static readonly DeviceRef Gpu = new("gpu", "nvenc");

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_failing_encoder_is_replaced_without_losing_a_frame(int bFrames)
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, new FakeDevice("nvenc", "gpu") { Encoding = (_, frame) => ThrowAt(frame, 20) });
        bench.Start(Fresh(Rung("720p", 720, bFrames: bFrames)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 60, lag: 3000);
        bench.EndSource();

        AssertWhole(bench, 0, 60, bFrames);
        Assert.Equal(["gpu", "cpu"], Started(bench.Daemon).Select(started => started.Device));
        Assert.Equal(new LeaseClosed(1, LeaseOutcome.EncoderFailed, -5, "the session is gone", Closing: true), Closed(bench.Daemon)[0]);
        Assert.Equal(4, bench.Daemon.Keyframes(0).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_lost_device_takes_only_the_frames_along_that_were_nowhere_else(bool decodesThere)
    {
        var gpu = new FakeDevice("nvenc", "gpu");
        gpu.Encoding = (_, frame) => gpu.IsLost |= frame.Pts == Ms(22 * 40);
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, gpu) { DecodeOrder = decodesThere ? [Gpu, DeviceRef.Cpu] : [DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("720p", 720, bFrames: 2)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 4, "pictures");
        bench.SendPictures(10, 50);
        bench.EndSource();

        Assert.Equal(["gpu", "cpu"], Started(bench.Daemon).Select(started => started.Device));
        var report = bench.Daemon.LastReport(0);
        if (!decodesThere)
        {
            AssertWhole(bench, 0, 60, 2);
            return;
        }

        // Those on the card are lost; the decoder on the CPU begins its GOP again and makes all that follow.
        Assert.InRange(report.FramesLost, 1, 10);
        Assert.Equal((60, 60, 0), (report.FramesIn, report.FramesEncoded + report.FramesLost, report.FramesPending));
        var times = bench.Daemon.Times(0);
        Assert.Equal(report.FramesEncoded, times.Distinct().Count());
        Assert.Equal(Ms(59 * 40), times.Max());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void An_encoder_that_takes_frames_and_gives_none_is_replaced_within_two_seconds(int bFrames)
    {
        var taken = 0L;
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Encoding = (_, frame) => Volatile.Write(ref taken, frame.Pts.Milliseconds),
            Swallows = frame => frame.Pts >= Ms(20 * 40),
        });
        bench.Start(Fresh(Rung("720p", 720, bFrames: bFrames)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 20);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 12, "pictures");
        var at = 20;
        while (Closed(bench.Daemon).Count == 0 && at < 200)
        {
            bench.SendPictures(at++, 1);

            // All but the two that the decoder holds back: time must not run ahead of the pictures.
            SpinWait.SpinUntil(() => Volatile.Read(ref taken) >= (at - 3) * 40 || Closed(bench.Daemon).Count > 0, TimeSpan.FromSeconds(10));
            bench.Time.Advance(TimeSpan.FromMilliseconds(40));
        }

        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 2, "another encoder");
        bench.SendPictures(at, 20);
        bench.EndSource();

        // Thirty-eight pictures are one and a half seconds; a few more may come before anybody looks.
        Assert.InRange(at, 57, 85);
        Assert.Equal((1L, LeaseOutcome.Hung), (Closed(bench.Daemon)[0].Lease, Closed(bench.Daemon)[0].Outcome));

        // It could be closed all the same, and its place is free before the worker dies.
        bench.Daemon.WaitFor(daemon => Closed(daemon).Any(closed => closed is { Lease: 1, Outcome: LeaseOutcome.Released }), "the end of the silent session");
        var report = bench.Daemon.LastReport(0);
        Assert.Equal((report.FramesIn, 0), (report.FramesEncoded + report.FramesLost, report.FramesPending));

        // More than are kept for another encoder: the oldest are lost, and counted.
        Assert.InRange(report.FramesLost, 1, 33);
        Assert.Equal(Ms((at + 19) * 40), bench.Daemon.Times(0).Max());
    }

    [Fact]
    public void A_call_that_does_not_return_closes_the_lease_as_hung_and_then_ends_the_worker()
    {
        using var hang = new ManualResetEventSlim();
        using var hanging = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Encoding = (_, _) =>
            {
                hanging.Set();
                hang.Wait(TimeSpan.FromSeconds(10));
            },
        });
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        Assert.True(hanging.Wait(TimeSpan.FromSeconds(10)));
        bench.Time.Advance(TimeSpan.FromSeconds(1.4));
        Assert.False(bench.Daemon.Saw(daemon => Closed(daemon).Count > 0, TimeSpan.FromMilliseconds(50)));
        bench.Time.Advance(TimeSpan.FromSeconds(0.4));
        bench.Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
        hang.Set();
        Assert.Equal(Reasons.WorkerHung, bench.Wait().Code);
        Assert.Equal((1L, LeaseOutcome.Hung), (Closed(bench.Daemon)[0].Lease, Closed(bench.Daemon)[0].Outcome));
    }

    [Fact]
    public void An_opening_may_take_longer_than_a_call_but_not_for_ever()
    {
        using var hang = new ManualResetEventSlim();
        using var hanging = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Opening = _ =>
            {
                hanging.Set();
                hang.Wait(TimeSpan.FromSeconds(10));
            },
        });
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        Assert.True(hanging.Wait(TimeSpan.FromSeconds(10)));
        bench.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(bench.Daemon.Saw(daemon => Closed(daemon).Count > 0, TimeSpan.FromMilliseconds(50)));
        bench.Time.Advance(TimeSpan.FromSeconds(1.5));
        bench.Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
        hang.Set();
        Assert.Equal(Reasons.WorkerHung, bench.Wait().Code);
        Assert.Equal(LeaseOutcome.Hung, Closed(bench.Daemon)[0].Outcome);
    }

    [Fact]
    public void An_encoder_that_falls_behind_says_so_within_half_a_second_and_at_most_once_a_second()
    {
        WorkerBench bench = null!;
        using (bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Encoding = (_, frame) =>
            {
                // It is late only while frames wait: one here, one in the decoder's hand, one in the queue.
                Assert.True(frame.Pts > Ms(44 * 40) || SpinWait.SpinUntil(() => bench.Devices[1].DecodedFrames > 2, TimeSpan.FromSeconds(10)));
                bench.Time.Advance(TimeSpan.FromMilliseconds(80));
            },
        }))
        {
            bench.Start(Fresh(Rung("720p", 720)));
            bench.Daemon.Send(VideoTrack);
            bench.SendPictures(0, 50, lag: 20000);
            bench.EndSource();

            var strained = bench.Daemon.All<LeaseStrained>(WorkerMessageType.LeaseStrained);
            Assert.InRange(strained.Count, 1, 4);
            Assert.All(strained, each => Assert.InRange(each.EncodeRatio, 1.8, 2.6));
            var before = bench.Daemon.Messages.TakeWhile(message => message.Header.Type != WorkerMessageType.LeaseStrained);
            Assert.InRange(before.Count(message => message.Header.Type == WorkerMessageType.Packet), 4, 9);
            Assert.Equal(50, bench.Daemon.LastReport(0).FramesEncoded);
        }
    }

    [Fact]
    public void A_fast_encoder_is_not_strained_by_a_burst()
    {
        WorkerBench bench = null!;
        using (bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Encoding = (_, _) => bench.Time.Advance(TimeSpan.FromMilliseconds(20)),
        }))
        {
            bench.Start(Fresh(Rung("720p", 720)));
            bench.Daemon.Send(VideoTrack);
            bench.SendPictures(0, 200, lag: 20000);
            bench.EndSource();
            Assert.Empty(bench.Daemon.All<LeaseStrained>(WorkerMessageType.LeaseStrained));
        }
    }

    [Fact]
    public void A_scaler_that_fails_leaves_its_pictures_to_the_CPU()
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, new FakeDevice("nvenc", "gpu")
        {
            Scaling = (frame, _) => ThrowAt(frame, 20),
        });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 10);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 5, "pictures");
        bench.SendPictures(10, 50);
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_session_that_does_not_close_holds_nothing_up_but_its_lease(bool fails)
    {
        using var close = new ManualResetEventSlim();
        var gpu = new FakeDevice("nvenc", "gpu")
        {
            Encoding = (_, frame) => ThrowAt(frame, fails ? 20 : -1),
            Closing = what => Assert.True(what is IDecoder || close.Wait(TimeSpan.FromSeconds(10))),
        };
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, gpu);
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        if (!fails)
        {
            bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 20, "pictures before the order");
            bench.Daemon.Send(bench.Ledger.Number(FakeLedger.At(bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest)[0].Demands[0], DeviceRef.Cpu)));
        }

        bench.Daemon.WaitFor(daemon => Started(daemon).Count == 2, "another encoder");
        bench.SendPictures(30, 30);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count >= 58, "all pictures but those that the decoder holds back");
        Assert.DoesNotContain(Closed(bench.Daemon), closed => closed is { Lease: 1, Outcome: LeaseOutcome.Released });

        // Longer than anything may take: the daemon learns that it hangs, and the worker goes on.
        bench.Time.Advance(TimeSpan.FromSeconds(11));
        if (!fails)
        {
            bench.Daemon.WaitFor(daemon => Closed(daemon).Any(closed => closed is { Lease: 1, Outcome: LeaseOutcome.Hung }), "the hang");
        }

        bench.SendPictures(60, 20);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 75, "pictures after the hang");
        close.Set();
        bench.Daemon.WaitFor(daemon => Closed(daemon).Any(closed => closed is { Lease: 1, Outcome: LeaseOutcome.Released }), "the end of the session");
        bench.EndSource();
        AssertWhole(bench, 0, 80, 0);
    }

    [Theory]
    [InlineData(15)]
    [InlineData(5)]
    public void A_new_session_that_gives_nothing_is_replaced_within_three_seconds_at_any_frame_rate(int rate)
    {
        using var bench = new WorkerBench(new FakeLedger { Answer = Once(Gpu) }, new FakeDevice("nvenc", "gpu") { Swallows = _ => true });
        bench.Start(Fresh(Rung("720p", 720)));
        bench.Daemon.Send(VideoTrack with { Video = VideoTrack.Video with { FrameRate = rate } });
        var began = bench.Time.GetTimestamp();
        for (var i = 0; i < 100 && Closed(bench.Daemon).Count == 0; i++)
        {
            bench.Daemon.SendPacket(TrackKind.Video, Ms(i * 1000 / rate), Ms(i * 1000 / rate), i % 10 == 0, FakePayload.Picture);
            bench.Daemon.Saw(_ => false, TimeSpan.FromMilliseconds(10));
            bench.Time.Advance(TimeSpan.FromSeconds(1) / rate);
        }

        Assert.InRange(bench.Time.GetElapsedTime(began), TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(3));
        Assert.Equal(LeaseOutcome.Hung, Closed(bench.Daemon)[0].Outcome);
        bench.EndSource();
    }
}
