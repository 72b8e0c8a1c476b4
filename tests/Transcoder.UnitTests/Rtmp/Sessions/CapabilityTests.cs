using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

/// <summary>What client and server say of themselves, and what follows from it.</summary>
public sealed class CapabilityTests : SessionTest
{
    private static readonly Track Avc = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 0x64, 0, 0x1F });
    private static readonly Track Hevc = new(TrackKind.Video, CodecId.Hevc, new byte[] { 1, 2 });
    private static readonly Track Opus = new(TrackKind.Audio, CodecId.Opus, new byte[] { 1, 2 });

    [Fact]
    public async Task The_answer_to_connect_says_what_the_server_understands()
    {
        var answer = await Client.ConnectAsync();
        var properties = answer[0].AsObject!;
        Assert.Equal(15, properties["capsEx"].AsNumber);
        Assert.Contains("hvc1", properties["fourCcList"].AsArray!.Select(static name => name.AsString));
        Assert.Equal(7, properties["videoFourCcInfoMap"].AsObject!["av01"].AsNumber);
        Assert.Equal(7, properties["audioFourCcInfoMap"].AsObject!["Opus"].AsNumber);
        Assert.Equal("NetConnection.Connect.Success", answer[1].AsObject!["code"].AsString);
        Assert.Equal(0, answer[1].AsObject!["objectEncoding"].AsNumber);
    }

    [Theory]
    [InlineData(null, "live/s is hevc video, this player announced no codec of Enhanced RTMP; in H.264: live/s_720p, live/s_480p")]
    [InlineData("av01", "live/s is hevc video, this player announced av01; in H.264: live/s_720p, live/s_480p")]
    public async Task A_codec_that_was_not_announced_is_refused_with_what_can_be_played_instead(string? announced, string expected)
    {
        if (announced is not null)
        {
            Client.Announce(announced);
        }

        Application.Source.Tracks = [Hevc];
        Application.Alternatives = ["live/s_720p", "live/s_480p"];
        await Client.PlayAsync();
        var status = (await Client.ExpectAsync("onStatus"))[1].AsObject!;
        Assert.Equal(("error", "NetStream.Play.Failed", expected), (status["level"].AsString, status["code"].AsString, status["description"].AsString));
        await AssertEndedAsync(Reasons.CodecNotSupported);
        Assert.True(Application.Source.IsDisposed);
        Assert.Contains("codec_not_supported", Assert.Single(Logger.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sound_that_was_not_announced_is_refused_as_well()
    {
        Client.Announce("hvc1");
        Application.Source.Tracks = [Hevc, Opus];
        await Client.PlayAsync();
        Assert.Equal("NetStream.Play.Failed", await Client.ExpectStatusAsync());
        await AssertEndedAsync(Reasons.CodecNotSupported);
    }

    [Fact]
    public async Task A_codec_that_comes_later_ends_the_play_with_the_same_reason()
    {
        Application.Source.Tracks = [Avc];
        await Client.PlayAsync();
        Application.Source.Write(Packet(Avc, 0, [1], PacketFlags.Keyframe));
        await Client.ReadAsync(MessageType.Video);
        Assert.Equal([0x17, 1, 0, 0, 0, 1], (await Client.ReadAsync(MessageType.Video)).Body);
        Application.Source.Write(Packet(Hevc, 40, [2], PacketFlags.Keyframe));
        Assert.Equal("NetStream.Play.Failed", await Client.ExpectStatusAsync());
        await AssertEndedAsync(Reasons.CodecNotSupported);
        Assert.Contains("codec_not_supported", Logger.Lines.Last(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hvc1,Opus")]
    [InlineData("*")]
    public async Task A_codec_that_was_announced_is_played(string announced)
    {
        Client.Announce(announced);
        Application.Source.Tracks = [Hevc, Opus];
        await Client.PlayAsync();
        Assert.Equal("NetStream.Play.Reset", await Client.ExpectStatusAsync());
        Assert.Equal("NetStream.Play.Start", await Client.ExpectStatusAsync());
        Application.Source.Write(Packet(Hevc, 0, [9], PacketFlags.Keyframe));
        Assert.Equal(0x90, (await Client.ReadAsync(MessageType.Video)).Body[0]);
    }

    [Fact]
    public async Task A_track_is_chosen_in_the_name_and_comes_as_the_only_one()
    {
        Application.Source.Tracks = [Hevc, Avc with { Id = 1 }];
        await Client.PlayAsync("s?track=1");
        Assert.Equal("NetStream.Play.Reset", await Client.ExpectStatusAsync());
        Assert.Equal("s", Assert.Single(Application.Requests).Stream);
        Application.Source.Write(Packet(Hevc, 0, [9], PacketFlags.Keyframe));
        Application.Source.Write(Packet(Avc with { Id = 1 }, 0, [8], PacketFlags.Keyframe));
        Assert.Equal(Convert.FromHexString("1700000000" + "0164001F"), (await Client.ReadAsync(MessageType.Video)).Body);
        Assert.Equal(Convert.FromHexString("1701000000" + "08"), (await Client.ReadAsync(MessageType.Video)).Body);
    }

    [Fact]
    public async Task A_track_that_is_not_there_is_refused()
    {
        Application.Source.Tracks = [Avc, Avc with { Id = 1 }];
        await Client.PlayAsync("s?track=2");
        var status = (await Client.ExpectAsync("onStatus"))[1].AsObject!;
        Assert.Equal(("NetStream.Play.StreamNotFound", "live/s has no video track 2; it has 0, 1"), (status["code"].AsString, status["description"].AsString));
        await AssertEndedAsync(Reasons.StreamNotFound);
    }

    [Fact]
    public async Task Who_understands_it_is_asked_to_come_back_and_goes_on_until_it_leaves()
    {
        Client.Announce("avc1", extended: 1);
        await Client.PublishAsync();
        Assert.Equal(1, Handler.RequestReconnect("rtmp://other/live"));
        var request = await Client.ExpectAsync("onStatus");
        Assert.Equal(0, request.TransactionId);
        var status = request[1].AsObject!;
        Assert.Equal(
            ("NetConnection.Connect.ReconnectRequest", "status", "rtmp://other/live"),
            (status["code"].AsString, status["level"].AsString, status["tcUrl"].AsString));
        await Client.MessageAsync(MessageType.Audio, 1, 0, [0x2F, 1, 2]);
        (await Application.Sink.Packets.ReadAsync()).Release();
        Assert.False(Session.IsCompleted);
    }

    [Fact]
    public async Task A_drain_lasts_until_who_was_asked_has_left()
    {
        Client.Announce("avc1", extended: 1);
        await Client.PublishAsync();
        using var never = new CancellationTokenSource();
        var draining = Handler.DrainAsync("rtmp://other/", never.Token);
        Assert.Equal("rtmp://other/live", (await Client.ExpectAsync("onStatus"))[1].AsObject!["tcUrl"].AsString);
        Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(draining.IsCompleted);
        Client.Close();
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            return draining.IsCompleted;
        });
        Assert.Equal(0, await draining);
    }

    [Fact]
    public async Task A_drain_ends_with_its_time()
    {
        Client.Announce("avc1", extended: 1);
        await Client.PublishAsync();
        using var time = new CancellationTokenSource();
        var draining = Handler.DrainAsync(null, time.Token);
        await time.CancelAsync();
        Assert.Equal(1, await draining.WaitAsync(Patience));
        Assert.False(Session.IsCompleted);
    }

    [Fact]
    public async Task Who_does_not_understand_it_is_not_asked()
    {
        Client.Announce("avc1", extended: 14);
        await Client.PublishAsync();
        Assert.Equal(0, Handler.RequestReconnect(null));
    }

    [Fact]
    public async Task Play2_switches_the_stream_on_the_same_message_stream()
    {
        await Client.PlayAsync();
        await Client.ExpectStatusAsync();
        await Client.ExpectStatusAsync();
        await Client.CommandAsync(1, "play2", AmfValue.Null, AmfValue.Of(new AmfObject().Add("streamName", AmfValue.Of("t")).Add("oldStreamName", AmfValue.Of("s"))));

        // Without a reset: what is buffered may be played out.
        Assert.Equal("NetStream.Play.Start", await Client.ExpectStatusAsync());
        Assert.Equal(["s", "t"], Application.Requests.Select(static request => request.Stream));
    }

    [Fact]
    public async Task A_refusal_beside_a_running_stream_ends_only_itself()
    {
        await Client.PublishAsync();
        await Client.CommandAsync(1, "publish", AmfValue.Null, AmfValue.Of("other"));
        Assert.Equal("NetStream.Publish.BadName", await Client.ExpectStatusAsync());
        await Client.MessageAsync(MessageType.Audio, 1, 0, [0x2F, 1, 2]);
        (await Application.Sink.Packets.ReadAsync()).Release();
        Assert.False(Session.IsCompleted);
    }

    [Fact]
    public async Task Who_is_refused_again_and_again_is_sent_away_whatever_else_runs()
    {
        await Client.PublishAsync();
        Application.Refusal = new Reason(Reasons.BadKey, "no");
        for (uint i = 2; i < 7; i++)
        {
            await Client.CommandAsync(i, "play", AmfValue.Null, AmfValue.Of($"guess?key={i}"));
            Assert.Equal("NetStream.Play.StreamNotFound", await Client.ExpectStatusAsync());
        }

        await AssertEndedAsync(Reasons.BadKey);
    }

    [Theory]
    [InlineData(Reasons.UnknownApp, "NetConnection.Connect.InvalidApp")]
    [InlineData(Reasons.Shutdown, "NetConnection.Connect.Rejected")]
    public async Task A_connection_that_can_come_to_nothing_is_refused_with_the_reason(string reason, string code)
    {
        Application.ConnectionRefusal = new Reason(reason, "the words");
        await Client.HandshakeAsync();
        var transaction = await Client.CommandAsync(0, "connect", AmfValue.Of(new AmfObject().Add("app", AmfValue.Of("nowhere/at/all?key=s3cr3t"))));
        var error = await Client.ExpectAsync("_error");
        Assert.Equal((transaction, code, "the words"), (error.TransactionId, error[1].AsObject!["code"].AsString, error[1].AsObject!["description"].AsString));
        await AssertEndedAsync(reason);
        Assert.Contains("refused to connect to nowhere/at/all", Assert.Single(Logger.Lines, line => line.Contains("refused", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4, true)]
    public async Task Colour_is_told_to_who_announced_that_it_reads_it(int functions, bool told)
    {
        Client.Announce("hvc1", extended: 1);
        Client.Announced = [.. Client.Announced, ("videoFunction", AmfValue.Of((double)functions))];
        Application.Source.Write(Packet(Hevc with { Description = new byte[] { 2, 0, 1, (byte)'c', 5 } }, 0, [9], PacketFlags.Keyframe));
        await Client.PlayAsync();
        Assert.Equal(0x90, (await Client.ReadAsync(MessageType.Video)).Body[0]);
        Assert.Equal(told ? 0xD4 : 0x93, (await Client.ReadAsync(MessageType.Video)).Body[0]);
    }

    [Fact]
    public async Task A_track_that_is_not_taken_has_one_reason_while_the_stream_runs()
    {
        await Client.PublishAsync();
        for (var i = 0; i < 3; i++)
        {
            await Client.MessageAsync(MessageType.Audio, 1, 0, [0xB2, 1, 2]);
            await Client.MessageAsync(MessageType.Video, 1, 0, [0x91, .. "vvc1"u8, 0, 0, 0, 1]);
        }

        await EventuallyAsync(() => Application.Sink.LeftOut.Count == 2);
        Assert.Equal(
            ["audio track 0 is Speex, which this server does not take; the track is left out", "video track 0 is vvc1, which this server does not take; the track is left out"],
            Application.Sink.LeftOut.Select(static reason => reason.Detail));
        Assert.All(Application.Sink.LeftOut, static reason => Assert.Equal(Reasons.CodecNotSupported, reason.Code));
        Assert.Single(Logger.Lines, static line => line.Contains("Speex", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_cue_point_that_comes_first_is_no_metadata()
    {
        Application.Source.Write(Packet(Track.Amf0Data, 0, [2, 0, 10, .. "onCuePoint"u8, 5]));
        Application.Source.Write(Packet(Avc, 0, [8], PacketFlags.Keyframe));
        await Client.PlayAsync();
        await Client.ReadAsync(MessageType.DataAmf0);
        Assert.Contains("onMetaData", System.Text.Encoding.ASCII.GetString((await Client.ReadAsync(MessageType.DataAmf0)).Body), StringComparison.Ordinal);
        Assert.Contains("onCuePoint", System.Text.Encoding.ASCII.GetString((await Client.ReadAsync(MessageType.DataAmf0)).Body), StringComparison.Ordinal);
    }

    private Packet Packet(Track track, long milliseconds, byte[] payload, PacketFlags flags = PacketFlags.None) =>
        Transcoder.Media.Packets.Packet.Copy(Pool, track, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), flags, payload);
}
