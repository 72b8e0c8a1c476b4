using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;
using static Transcoder.UnitTests.Pipeline.LeaseTests;
using static Transcoder.UnitTests.Pipeline.MoveTests;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline;

public sealed class PassthroughTests
{
    // 25 pictures of this size a second are 1 Mbit/s, as the rung asks for.
    private const int PictureBytes = 5000;

    [Fact]
    public void A_source_that_already_is_the_rung_is_handed_on_and_nothing_is_decoded()
    {
        var opened = 0;
        using var bench = new WorkerBench(new FakeDevice { Opening = _ => opened++ });
        bench.Start(Fresh(Passing("1080p", 1080)));
        bench.Daemon.Send(VideoTrack);
        Send(bench, 0, 60);
        bench.EndSource();

        Assert.Equal(0, opened);
        Assert.Empty(bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest));
        var started = Assert.Single(Started(bench.Daemon));
        Assert.Equal((Reasons.Passthrough, 0L, 1080), (started.Reason.Code, started.Lease, started.Height));
        AssertWhole(bench, 0, 60, 0);
        Assert.Equal(VideoTrack, Assert.Single(bench.Daemon.All<Track>(WorkerMessageType.Track)));
        Assert.All(bench.Daemon.Packets(0, TrackKind.Video), packet => Assert.Equal((PictureBytes, WorkerPacketFlags.Boundary), (packet.Payload.Length, packet.Header.LinkFlags)));
    }

    [Theory]
    [InlineData("codec")]
    [InlineData("size")]
    [InlineData("bitrate")]
    [InlineData("frame rate")]
    [InlineData("not allowed")]
    public void A_source_that_is_not_the_rung_is_encoded_from_its_first_picture(string what)
    {
        var spec = Passing("r", what == "size" ? 720 : 1080);
        spec = spec with
        {
            Video = spec.Video! with
            {
                Codec = what == "codec" ? CodecId.Hevc : CodecId.H264,
                MaxFrameRate = what == "frame rate" ? 12.5 : 0,
                AllowPassthrough = what != "not allowed",
                Bitrate = what == "bitrate" ? 800_000 : 1_000_000,
            },
        };
        using var bench = new WorkerBench();
        bench.Start(Fresh(spec));
        bench.Daemon.Send(VideoTrack);
        Send(bench, 0, 60);
        bench.EndSource();

        Assert.NotEqual(0, Assert.Single(Started(bench.Daemon)).Lease);
        if (what != "frame rate")
        {
            AssertWhole(bench, 0, 60, 0);
        }
    }

    [Fact]
    public void B_frames_of_the_source_leave_with_true_boundaries()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Passing("1080p", 1080)));
        bench.Daemon.Send(VideoTrack);

        // I P B B P B B: each anchor comes before the two that are shown before it.
        int[] shown = [0, .. Enumerable.Range(0, 20).SelectMany(i => new[] { 3, 1, 2 }.Select(j => (i * 3) + j))];
        for (var i = 0; i < shown.Length; i++)
        {
            bench.Daemon.SendPacket(TrackKind.Video, Ms((i - 2) * 40), Ms(shown[i] * 40), i == 0 || shown[i] == 24, new byte[PictureBytes]);
        }

        bench.EndSource();
        AssertWhole(bench, 0, shown.Length, 2);
        var packets = bench.Daemon.Packets(0, TrackKind.Video);
        Assert.Equal(shown.Select(i => Ms(i * 40)), packets.Select(packet => packet.Header.Pts));
        Assert.Equal(21, packets.Count(packet => packet.Header.LinkFlags == WorkerPacketFlags.Boundary));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_source_that_stops_being_the_rung_is_encoded_from_its_next_keyframe_on(bool shares)
    {
        var rung = Passing("1080p", 1080);
        using var bench = new WorkerBench(new FakeLedger { Shares = true });
        bench.Start(shares ? [Fresh(rung), Fresh(rung with { Name = "twin", Video = rung.Video! with { AllowPassthrough = false } })] : [Fresh(rung)]);
        bench.Daemon.Send(VideoTrack);
        Send(bench, 0, 50);
        Send(bench, 50, 25, bytes: 2 * PictureBytes);
        bench.Daemon.WaitFor(daemon => daemon.Times(0).Count == 75, "what was handed on");
        Send(bench, 75, 50);
        bench.EndSource();

        AssertWhole(bench, 0, 125, 0);
        var started = Started(bench.Daemon);
        if (shares)
        {
            AssertWhole(bench, 1, 125, 0);
            Assert.Equal(3, started.Count);
            Assert.Equal((Reasons.SharedSession, 1L), (started[2].Reason.Code, started[2].Lease));

            // The daemon knows who reads the session.
            Assert.Equal([1, 0], bench.Daemon.All<LeaseRequest>(WorkerMessageType.LeaseRequest).Select(request => Assert.Single(request.Demands).Number));
        }
        else
        {
            Assert.Equal([Reasons.Passthrough, Reasons.LeastCost], started.Select(each => each.Reason.Code));
        }

        Assert.Equal([75], bench.Daemon.Packets(0, TrackKind.Video).Index().Where(each => each.Item.Payload.Length == 16).Take(1).Select(each => each.Index));
        Assert.Contains(bench.Daemon.Messages, message => message.Header.Type == WorkerMessageType.Track && message.Header.Number == 0 && message.Json<Track>().Config.Span[0] != 1);
    }

    [Fact]
    public void Keyframes_that_come_too_seldom_end_it_at_the_first_that_shows_so()
    {
        using var bench = new WorkerBench();
        bench.Start(Fresh(Passing("1080p", 1080)));
        bench.Daemon.Send(VideoTrack);
        Send(bench, 0, 80, keyframeEach: 40);
        bench.EndSource();
        AssertWhole(bench, 0, 80, 0);
        Assert.Equal([0L, 1L], Started(bench.Daemon).Select(started => started.Lease));
        Assert.Equal([Ms(0), Ms(40 * 40), Ms(2000), Ms(3000)], bench.Daemon.Keyframes(0));
    }

    [Fact]
    public void What_another_worker_handed_on_goes_on_in_the_middle_of_the_GOP()
    {
        using var bench = new WorkerBench();
        bench.Start(new RenditionJob(Passing("1080p", 1080), Ms(31 * 40), MediaTime.MinValue, ResumesPassthrough: true));
        bench.Daemon.Send(VideoTrack);
        Send(bench, 25, 50, lag: 2000);
        bench.EndSource();
        Assert.Equal(Pictures(32, 43), bench.Daemon.Times(0));
    }

    [Fact]
    public void What_another_worker_encoded_goes_on_encoded()
    {
        using var bench = new WorkerBench();
        bench.Start(new RenditionJob(Passing("1080p", 1080), Ms(31 * 40), MediaTime.MinValue));
        bench.Daemon.Send(VideoTrack);
        Send(bench, 25, 50, lag: 2000);
        bench.EndSource();
        Assert.Equal(Pictures(32, 43), bench.Daemon.Times(0));
        Assert.Equal(1, Assert.Single(Started(bench.Daemon)).Lease);
    }

    private static RenditionSpec Passing(string name, int height)
    {
        var rung = Rung(name, height);
        return rung with { Video = rung.Video! with { AllowPassthrough = true } };
    }

    private static void Send(WorkerBench bench, int from, int count, int keyframeEach = 25, int bytes = PictureBytes, int lag = 0)
    {
        var payload = new byte[bytes];
        payload[0] = FakePayload.Picture[0];
        for (var i = from; i < from + count; i++)
        {
            bench.Daemon.SendPacket(TrackKind.Video, Ms(i * 40), Ms(i * 40), i % keyframeEach == 0, payload, lag);
        }
    }
}
