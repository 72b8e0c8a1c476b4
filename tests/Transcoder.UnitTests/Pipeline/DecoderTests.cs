using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.MoveTests;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

/// <summary>A source's decoder on a card that hangs, breaks or is left.</summary>
public sealed class DecoderTests
{
    private static readonly DeviceRef Gpu = new("gpu", "nvenc");
    private static readonly DeviceRef Other = new("other", "nvenc");

    [Fact]
    public void A_decoder_that_does_not_return_is_told_within_two_seconds_and_ends_the_worker()
    {
        using var hang = new ManualResetEventSlim();
        using var hanging = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeDevice("nvenc", "gpu")
        {
            Decoding = packet =>
            {
                if (packet?.Pts == Ms(20 * 40))
                {
                    hanging.Set();
                    hang.Wait(TimeSpan.FromSeconds(10));
                }
            },
        })
        { DecodeOrder = [Gpu, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        Assert.True(hanging.Wait(TimeSpan.FromSeconds(10)));
        bench.Time.Advance(TimeSpan.FromSeconds(1.4));
        Assert.False(bench.Daemon.Saw(daemon => Failed(daemon).Count > 0, TimeSpan.FromMilliseconds(50)));
        bench.Time.Advance(TimeSpan.FromSeconds(0.4));
        bench.Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
        hang.Set();
        Assert.Equal(Reasons.WorkerHung, bench.Wait().Code);
        Assert.Equal((Gpu, true), (Failed(bench.Daemon)[0].Place, Failed(bench.Daemon)[0].Hangs));
    }

    [Fact]
    public void A_decoder_that_takes_packets_and_gives_no_picture_is_replaced_and_no_picture_is_lost()
    {
        var taken = 0;
        using var bench = new WorkerBench(new FakeDevice("nvenc", "gpu")
        {
            Decoding = _ => Interlocked.Increment(ref taken),
            Loses = packet => packet.Pts >= Ms(25 * 40),
        })
        { DecodeOrder = [Gpu, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        var at = 0;
        for (; at < 200 && Failed(bench.Daemon).Count == 0; at++)
        {
            bench.Daemon.SendPacket(TrackKind.Video, Ms(at * 40), Ms(at * 40), at % 100 == 0, FakePayload.Picture);

            // No call may look as if it had lasted for many pictures.
            SpinWait.SpinUntil(() => Volatile.Read(ref taken) > at || Failed(bench.Daemon).Count > 0, TimeSpan.FromSeconds(10));
            bench.Time.Advance(TimeSpan.FromMilliseconds(40));
        }

        for (var i = at; i < at + 20; i++)
        {
            bench.Daemon.SendPacket(TrackKind.Video, Ms(i * 40), Ms(i * 40), i % 100 == 0, FakePayload.Picture);
        }

        bench.EndSource();
        Assert.InRange(at, 60, 90);
        AssertWhole(bench, 0, at + 20, 0);
        Assert.Equal((Gpu, false), (Failed(bench.Daemon)[0].Place, Failed(bench.Daemon)[0].Hangs));
        Assert.Equal(DeviceRef.Cpu, Assert.Single(Decodes(bench.Daemon)).Place);
    }

    [Theory]
    [InlineData(-5, 1)]
    [InlineData(CodecException.NotSupported, 0)]
    public void A_decoder_that_breaks_goes_elsewhere_and_both_are_told_but_not_that_a_card_does_not_decode_such_a_source(int error, int told)
    {
        using var bench = new WorkerBench(new FakeDevice("nvenc", "gpu")
        {
            Decoding = packet => _ = packet?.Pts == Ms(25 * 40) ? throw new CodecException("broken", error) : 0,
        })
        { DecodeOrder = [Gpu, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 60);
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(told, Failed(bench.Daemon).Count);
        Assert.Equal(DeviceRef.Cpu, Assert.Single(Decodes(bench.Daemon)).Place);
    }

    [Fact]
    public void Ordered_off_a_card_the_decoder_asks_nothing_more_of_it_and_no_picture_is_lost()
    {
        using var closing = new ManualResetEventSlim();
        var left = false;
        var late = 0;
        var gpu = new FakeDevice("nvenc", "gpu")
        {
            Decoding = _ => late += left ? 1 : 0,

            // Closing hangs, too: nobody waits for it.
            Closing = _ => closing.Wait(TimeSpan.FromSeconds(10)),
        };
        using var bench = new WorkerBench(gpu, new FakeDevice("nvenc", "other")) { DecodeOrder = [Gpu, Other, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 26);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 23, "pictures");
        left = true;
        bench.Daemon.Send(new DecodeMove([Other, DeviceRef.Cpu], new Reason(Reasons.EncoderHung, "the test says so")));
        bench.SendPictures(26, 34);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count > 55, "pictures from elsewhere");
        closing.Set();
        bench.EndSource();

        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(0, late);

        // The daemon knows: it said so.
        Assert.Empty(Decodes(bench.Daemon));
        Assert.Empty(Failed(bench.Daemon));
    }

    [Fact]
    public void A_decoder_that_has_gone_to_a_good_place_by_itself_stays_there_and_says_where()
    {
        using var bench = new WorkerBench(
            new FakeDevice("nvenc", "gpu") { Decoding = packet => _ = packet?.Pts == Ms(5 * 40) ? throw new CodecException("broken", -5) : 0 },
            new FakeDevice("nvenc", "other"))
        { DecodeOrder = [Gpu, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 20);
        bench.Daemon.WaitFor(daemon => Decodes(daemon).Count == 1, "the CPU");
        bench.Daemon.Send(new DecodeMove([Other, DeviceRef.Cpu], new Reason(Reasons.DecoderFailed, "the test says so")));
        bench.SendPictures(20, 40);
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
        Assert.Equal([DeviceRef.Cpu, DeviceRef.Cpu], Decodes(bench.Daemon).Select(started => started.Place));
    }

    [Fact]
    public void Frames_that_wait_for_an_encoder_leave_the_decoder_enough_to_work_with()
    {
        using var open = new ManualResetEventSlim();
        var gpu = new FakeDevice("nvenc", "gpu")
        {
            DecoderFrames = 16,
            Opening = what => Assert.True(what is not VideoEncoderSettings || open.Wait(TimeSpan.FromSeconds(10))),
        };
        using var bench = new WorkerBench(new FakeLedger { Answer = demand => FakeLedger.At(demand, Gpu) }, gpu) { DecodeOrder = [Gpu, DeviceRef.Cpu] };
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 60, lag: 3000);

        // Two renditions' queues: as many pictures as they take, most of them in main memory.
        Assert.True(SpinWait.SpinUntil(() => gpu.DecodedFrames > 12 && bench.Devices[1].LiveFrames > 15, TimeSpan.FromSeconds(10)));
        Assert.InRange(gpu.DecodedFrames, 1, 15);
        open.Set();
        bench.EndSource();
        AssertWhole(bench, 0, 60, 0);
        AssertWhole(bench, 1, 60, 0);
        Assert.Empty(Failed(bench.Daemon));
        Assert.Empty(Decodes(bench.Daemon));
    }

    private static IReadOnlyList<DecoderFailed> Failed(FakeDaemon daemon) => daemon.All<DecoderFailed>(WorkerMessageType.DecoderFailed);

    private static IReadOnlyList<DecoderStarted> Decodes(FakeDaemon daemon) => daemon.All<DecoderStarted>(WorkerMessageType.DecoderStarted);
}
