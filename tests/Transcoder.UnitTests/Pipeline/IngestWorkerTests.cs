using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Xunit;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class IngestWorkerTests
{
    [Fact]
    public void Keyframes_are_at_the_same_times_in_all_renditions_whatever_their_rates()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("1080p", 1080)), Fresh(Rung("720p", 720, bFrames: 2)), Fresh(Rung("480p", 480, maxFrameRate: 12.5)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(3, 100);
        Assert.Equal(Reasons.SourceEnded, bench.EndSource().Code);

        MediaTime[] source = [.. Enumerable.Range(3, 100).Select(i => Ms(i * 40))];
        MediaTime[] grid = [Ms(120), Ms(1000), Ms(2000), Ms(3000), Ms(4000)];
        Assert.Equal(source, bench.Daemon.Times(0));
        Assert.Equal(source, bench.Daemon.Times(1).Order());
        for (var rendition = 0; rendition < 3; rendition++)
        {
            Assert.Equal(grid, bench.Daemon.Keyframes(rendition));
            var report = bench.Daemon.LastReport(rendition);
            Assert.Equal((100, 0), (report.FramesIn, report.FramesPending));
            Assert.Equal(100, report.FramesEncoded + report.FramesDroppedByPlan);
        }

        Assert.InRange(bench.Daemon.Times(2).Count, 48, 53);
    }

    [Fact]
    public void Packets_of_open_mini_GOPs_leave_together_and_decoding_times_never_decrease()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("720p", 720, bFrames: 2)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 80);
        bench.EndSource();

        var packets = bench.Daemon.Packets(0, TrackKind.Video);
        var seen = new HashSet<MediaTime>();
        foreach (var packet in packets)
        {
            seen.Add(packet.Header.Pts);
            var complete = Enumerable.Range(0, (int)(seen.Max().Milliseconds / 40) + 1).All(i => seen.Contains(Ms(i * 40)));
            Assert.Equal(complete, packet.Header.LinkFlags.HasFlag(WorkerPacketFlags.Boundary));
            Assert.True(packet.Header.Dts <= packet.Header.Pts);
        }

        Assert.Equal(packets.Select(packet => packet.Header.Dts).Order(), packets.Select(packet => packet.Header.Dts));
        Assert.Contains(packets, packet => packet.Header.LinkFlags == WorkerPacketFlags.None);
    }

    [Fact]
    public void Renditions_resume_with_an_IDR_at_the_first_frame_that_had_not_left_and_lose_none_while_replaying()
    {
        using var bench = new WorkerBench();
        bench.Start(
            new RenditionJob(Rung("720p", 720), Ms(11 * 40), MediaTime.MinValue),
            new RenditionJob(Rung("480p", 480, bFrames: 2), Ms(14 * 40), MediaTime.MinValue));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(5, 60, lag: 3000);
        bench.EndSource();

        Assert.Equal(Enumerable.Range(12, 53).Select(i => Ms(i * 40)), bench.Daemon.Times(0));
        Assert.Equal(Enumerable.Range(15, 50).Select(i => Ms(i * 40)), bench.Daemon.Times(1).Order());
        Assert.Equal([Ms(12 * 40), Ms(1000), Ms(2000)], bench.Daemon.Keyframes(0));
        Assert.Equal([Ms(15 * 40), Ms(1000), Ms(2000)], bench.Daemon.Keyframes(1));
        Assert.All(bench.Daemon.Packets(1, TrackKind.Video), packet => Assert.True(packet.Header.Dts >= Ms(14 * 40)));
        Assert.Equal((53, 0), (bench.Daemon.LastReport(0).FramesIn, bench.Daemon.LastReport(0).FramesDroppedLate));
    }

    [Fact]
    public void A_late_pipeline_drops_frames_of_the_slow_rendition_alone_but_never_a_keyframe_of_the_grid()
    {
        using var go = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeDevice
        {
            ReorderDepth = 0,
            Encoding = (settings, frame) =>
            {
                // The slow encoder takes the first frame and then nothing until the whole source is through.
                if (settings.Height == 720 && frame.Pts > Ms(0))
                {
                    go.Wait(TimeSpan.FromSeconds(10));
                }
            },
        });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 1);
        bench.Daemon.WaitFor(daemon => daemon.Times(1).Count == 1, "the first picture");
        for (var i = 1; i < 80; i++)
        {
            // Each frame's share of time passes while the decode thread waits for the slow encoder.
            bench.SendPictures(i, 1, lag: 900);
            while (!bench.Daemon.Saw(daemon => daemon.Times(1).Count > i, TimeSpan.FromMilliseconds(5)))
            {
                bench.Time.Advance(TimeSpan.FromMilliseconds(40));
            }
        }

        go.Set();
        bench.EndSource();

        var slow = bench.Daemon.LastReport(0);
        var quick = bench.Daemon.LastReport(1);
        Assert.Equal([Ms(0), Ms(1000), Ms(2000), Ms(3000)], bench.Daemon.Keyframes(0));
        Assert.Equal([Ms(0), Ms(1000), Ms(2000), Ms(3000)], bench.Daemon.Keyframes(1));
        Assert.InRange(slow.FramesDroppedLate, 60, 78);
        Assert.Equal(80, slow.FramesEncoded + slow.FramesDroppedLate);
        Assert.Equal((80, 0), (quick.FramesEncoded, quick.FramesDroppedLate));
    }

    [Fact]
    public void An_encoder_that_fails_again_and_again_ends_its_rendition_alone()
    {
        using var bench = new WorkerBench(new FakeDevice
        {
            Encoding = (settings, frame) =>
            {
                if (settings.Height == 720 && frame.Pts >= Ms(400))
                {
                    throw new CodecException("broken", -5);
                }
            },
        });
        bench.Start(Fresh(Rung("720p", 720)), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 60);
        Assert.Equal(Reasons.SourceEnded, bench.EndSource().Code);

        Assert.Equal(Reasons.EncoderFailed, bench.Daemon.RenditionEnd(0)!.Value.Code);
        Assert.Null(bench.Daemon.RenditionEnd(1));
        Assert.Equal(60, bench.Daemon.Times(1).Count);
        var report = bench.Daemon.LastReport(0);
        Assert.Equal(report.FramesIn, report.FramesEncoded + report.FramesLost + report.FramesDroppedLate);
    }

    [Fact]
    public void A_source_that_changes_size_keeps_its_renditions()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 30);
        bench.Daemon.Send(VideoTrack with { Config = new byte[] { 9 }, Video = new VideoFormat(1280, 720, 25) });
        bench.SendPictures(30, 30);
        bench.EndSource();

        Assert.Equal(Enumerable.Range(0, 60).Select(i => Ms(i * 40)), bench.Daemon.Times(0));
        Assert.Single(bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted));
        Assert.Single(bench.Daemon.Messages, message => message.Header.Type == WorkerMessageType.Track);
    }

    [Fact]
    public void Damage_is_counted_and_decoding_goes_on_from_the_next_keyframe()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 12);
        bench.Daemon.SendPacket(TrackKind.Video, Ms(480), Ms(480), false, FakePayload.RefusedPicture);
        bench.Daemon.SendPacket(TrackKind.Video, Ms(520), Ms(520), false, FakePayload.Picture);
        bench.SendPictures(14, 10);
        bench.EndSource();

        Assert.Equal(Enumerable.Range(0, 24).Where(i => i is not (12 or 13)).Select(i => Ms(i * 40)), bench.Daemon.Times(0));
        Assert.Equal(2, bench.Daemon.All<WorkerReport>(WorkerMessageType.Report)[^1].DamagedPackets);
    }

    [Fact]
    public void A_source_that_no_device_decodes_ends_the_worker_with_a_plain_reason()
    {
        using var bench = new WorkerBench(new FakeDevice { Opening = what => _ = what is Track ? throw new CodecException("no such profile") : what });
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);

        var reason = bench.Wait();
        Assert.Equal(Reasons.DecoderFailed, reason.Code);
        Assert.Contains("no such profile", reason.Detail);
        bench.Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
    }

    [Fact]
    public void A_rung_larger_than_the_source_is_left_out_and_the_others_run()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("2160p", 2160, audio: new AudioSpec(CodecId.Aac, 96000))), Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.Daemon.Send(AudioTrack);
        bench.Daemon.SendPacket(TrackKind.Audio, Ms(0), Ms(0), true, FakePayload.Sound(4096, 0));
        bench.SendPictures(0, 10);
        bench.EndSource();

        Assert.Equal(Reasons.NoUpscale, bench.Daemon.RenditionEnd(0)!.Value.Code);
        Assert.Equal(10, bench.Daemon.Times(1).Count);
        Assert.Empty(bench.Daemon.Packets(0, TrackKind.Audio));
    }

    [Fact]
    public void Reports_come_each_second_with_the_pace_of_decoding()
    {
        using var bench = new WorkerBench(new FakeDevice { ReorderDepth = 0 });
        bench.Start(Fresh(Rung("480p", 480)));
        bench.Daemon.Send(VideoTrack);
        bench.SendPictures(0, 1);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count == 1, "a picture");
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        bench.Daemon.WaitFor(daemon => daemon.All<WorkerReport>(WorkerMessageType.Report).Count == 1, "the first report");
        bench.SendPictures(1, 50);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count == 51, "the pictures");
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        bench.Daemon.WaitFor(daemon => daemon.All<WorkerReport>(WorkerMessageType.Report).Count == 2, "the second report");

        var report = bench.Daemon.All<WorkerReport>(WorkerMessageType.Report)[^1];
        Assert.Equal(2.0, report.RealtimeRatio, 3);
        Assert.Equal((51, 51), (report.SourceFrames, report.SourceVideoPackets));
    }

    [Fact]
    public void A_codec_that_hangs_ends_the_worker()
    {
        using var hang = new ManualResetEventSlim();
        using var hanging = new ManualResetEventSlim();
        using var bench = new WorkerBench(new FakeDevice
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
        bench.Time.Advance(TimeSpan.FromSeconds(21));
        bench.Daemon.WaitFor(daemon => daemon.All<Reason>(WorkerMessageType.Ended).Count == 1, "the last word");
        hang.Set();
        var reason = bench.Wait();
        Assert.Equal(Reasons.WorkerHung, reason.Code);
        Assert.Contains("enc:live/a:480p", reason.Detail);
    }

    [Theory]
    [InlineData(WorkerMessageType.Job, "{\"Stream\": 7")]
    [InlineData(WorkerMessageType.Job, "null")]
    [InlineData(WorkerMessageType.Job, "{}")]
    [InlineData(WorkerMessageType.Packet, "before the job")]
    [InlineData((WorkerMessageType)99, "")]
    public void A_link_out_of_step_ends_the_worker_with_that_reason(WorkerMessageType type, string payload)
    {
        using var bench = new WorkerBench();
        bench.Daemon.SendRaw(new WorkerMessageHeader(payload.Length, type), System.Text.Encoding.UTF8.GetBytes(payload));
        Assert.Equal(Reasons.ProtocolError, bench.Wait().Code);
    }

    [Fact]
    public void A_length_out_of_bounds_ends_the_worker()
    {
        using var bench = new WorkerBench();
        bench.Daemon.SendRaw(new WorkerMessageHeader(-1, WorkerMessageType.Packet), []);
        Assert.Equal(Reasons.ProtocolError, bench.Wait().Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300)]
    public void The_end_of_the_link_ends_everything_at_any_moment(int pictures)
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Rung("1080p", 1080)), Fresh(Rung("480p", 480, bFrames: 2, audio: new AudioSpec(CodecId.Aac, 96000))));
        bench.Daemon.Send(VideoTrack);
        bench.Daemon.Send(AudioTrack);
        for (var i = 0; i < pictures; i++)
        {
            bench.SendPictures(i, 1);
            bench.Daemon.SendPacket(TrackKind.Audio, Ms(i * 20), Ms(i * 20), true, FakePayload.Sound(960, i * 960));
        }

        bench.Daemon.Close();
        Assert.Equal(Reasons.Shutdown, bench.Wait().Code);
    }
}
