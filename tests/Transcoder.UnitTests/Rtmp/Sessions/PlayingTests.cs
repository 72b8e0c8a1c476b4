using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

public sealed class PlayingTests : SessionTest
{
    private static readonly Track Video = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 0x64, 0, 0x1F });
    private static readonly Track OtherVideo = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 0x4D, 0, 0x1E });
    private static readonly Track Audio = new(TrackKind.Audio, CodecId.Aac, new byte[] { 0x12, 0x10 });

    [Fact]
    public async Task A_player_is_told_in_the_order_that_players_expect()
    {
        Application.Source.Write(Packet(Video, 1000, [1, 2, 3], PacketFlags.Keyframe));
        Application.Source.Write(Packet(Audio, 1000, [4]));
        await Client.PlayAsync();
        Assert.Equal("NetStream.Play.Reset", await Client.ExpectStatusAsync());
        Assert.Equal("NetStream.Play.Start", await Client.ExpectStatusAsync());
        Assert.Equal("|RtmpSampleAccess", Name(await Client.ReadAsync()));
        Assert.Equal("onMetaData", Name(await Client.ReadAsync()));
        AssertMessage(MessageType.Video, 1000, "1700000000" + "0164001F", await Client.ReadAsync());
        AssertMessage(MessageType.Audio, 1000, "AF00" + "1210", await Client.ReadAsync());
        AssertMessage(MessageType.Video, 1000, "1701000000" + "010203", await Client.ReadAsync());
        AssertMessage(MessageType.Audio, 1000, "AF01" + "04", await Client.ReadAsync());
    }

    [Fact]
    public async Task All_sequence_headers_come_before_a_keyframe_that_fills_a_batch_alone()
    {
        Application.Source.Tracks = [Video, Audio];
        Application.Source.Write(Packet(Video, 1000, new byte[3_000_000], PacketFlags.Keyframe));
        Application.Source.Write(Packet(Video, 1040, [2]));
        Application.Source.Write(Packet(Audio, 1041, [4]));
        await Client.PlayAsync();
        await Client.ExpectStatusAsync();
        await Client.ExpectStatusAsync();
        await Client.ReadAsync();
        Assert.Equal("onMetaData", Name(await Client.ReadAsync()));
        AssertMessage(MessageType.Video, 1000, "1700000000" + "0164001F", await Client.ReadAsync());
        AssertMessage(MessageType.Audio, 1000, "AF00" + "1210", await Client.ReadAsync());
        Assert.Equal(3_000_005, (await Client.ReadAsync())!.Body.Length);
    }

    [Fact]
    public async Task The_end_of_one_stream_leaves_the_others_of_its_connection_alone()
    {
        await PlayingAsync();
        await Client.CommandAsync(2, "publish", AmfValue.Null, AmfValue.Of("other"), AmfValue.Of("live"));
        Assert.Equal("NetStream.Publish.Start", await Client.ExpectStatusAsync());
        Application.Source.End(new Reason(Reasons.SourceEnded, "over"));
        Assert.Equal("NetStream.Play.UnpublishNotify", await Client.ExpectStatusAsync());
        Assert.Equal("NetStream.Play.Stop", await Client.ExpectStatusAsync());
        await Client.CommandAsync(0, "createStream", AmfValue.Null);
        await Client.ExpectAsync("_result");
        Assert.False(Application.Sink.Completed.IsCompleted);

        // The last one takes the connection along.
        Application.Sink.CloseFromHub(new Reason(Reasons.PublisherReplaced, "another"));
        await AssertEndedAsync(Reasons.PublisherReplaced);
    }

    [Fact]
    public async Task The_publishers_metadata_comes_first_where_there_is_one()
    {
        Application.Source.Write(Packet(Track.Amf0Data, 1000, [2, 0, 10, .. "onMetaData"u8, 5], PacketFlags.Metadata));
        Application.Source.Write(Packet(Video, 1000, [1], PacketFlags.Keyframe));
        await Client.PlayAsync();
        await Client.ExpectStatusAsync();
        await Client.ExpectStatusAsync();
        await Client.ReadAsync();
        AssertMessage(MessageType.DataAmf0, 1000, "02000A6F6E4D6574614461746105", await Client.ReadAsync());
        Assert.Equal(MessageType.Video, (await Client.ReadAsync())!.Type);
    }

    [Fact]
    public async Task A_changed_track_is_announced_and_an_equal_one_is_not()
    {
        await PlayingAsync();
        Application.Source.Write(Packet(Video, 0, [1], PacketFlags.Keyframe));
        Application.Source.Write(Packet(Video with { }, 40, [2]));
        Application.Source.Write(Packet(OtherVideo, 80, [3], PacketFlags.Keyframe));
        AssertMessage(MessageType.Video, 0, "1700000000" + "0164001F", await Client.ReadAsync(MessageType.Video));
        AssertMessage(MessageType.Video, 0, "1701000000" + "01", await Client.ReadAsync());
        AssertMessage(MessageType.Video, 40, "2701000000" + "02", await Client.ReadAsync());
        AssertMessage(MessageType.Video, 80, "1700000000" + "014D001E", await Client.ReadAsync());
        AssertMessage(MessageType.Video, 80, "1701000000" + "03", await Client.ReadAsync());
    }

    [Fact]
    public async Task Hevc_goes_out_in_enhanced_form()
    {
        Client.Announce("hvc1");
        await PlayingAsync();
        Application.Source.Write(Packet(new Track(TrackKind.Video, CodecId.Hevc, new byte[] { 1 }), 0, [9], PacketFlags.Keyframe));
        AssertMessage(MessageType.Video, 0, "90" + "68766331" + "01", await Client.ReadAsync(MessageType.Video));
        AssertMessage(MessageType.Video, 0, "93" + "68766331" + "09", await Client.ReadAsync(MessageType.Video));
    }

    [Fact]
    public async Task The_image_of_a_packet_is_made_once_and_kept_with_it()
    {
        await PlayingAsync();

        // Of what a player begins with the keyframe is kept: others may begin with it as well.
        var first = Packet(Video, 0, [7], PacketFlags.Keyframe);
        first.AddReference();
        Application.Source.Write(first);
        await Client.ReadAsync(MessageType.Video);
        await Client.ReadAsync(MessageType.Video);
        Assert.NotNull(first.Image);
        first.Release();

        var packet = Packet(Video, 0x01000000, new byte[70_000], PacketFlags.Keyframe);
        packet.AddReference();
        Application.Source.Write(packet);
        var message = await Client.ReadAsync(MessageType.Video);
        Assert.Equal((70_005, 0x01000000u), (message.Body.Length, message.Timestamp));
        var image = Assert.IsType<WireImage>(packet.Image);

        packet.AddReference();
        Application.Source.Write(packet);
        Assert.Equal(70_005, (await Client.ReadAsync(MessageType.Video)).Body.Length);
        Assert.Same(image, packet.Image);
        packet.Release();
    }

    [Fact]
    public async Task Another_message_stream_gets_a_patched_copy()
    {
        await Client.ConnectAsync();
        await Client.CommandAsync(7, "play", AmfValue.Null, AmfValue.Of("s"));
        Application.Source.Write(Packet(Video, 5, [7], PacketFlags.Keyframe));
        Assert.Equal(7u, (await Client.ReadAsync(MessageType.Video)).StreamId);
    }

    [Fact]
    public async Task Pause_and_receiveVideo_stop_media_until_a_keyframe()
    {
        await PlayingAsync();
        await Client.CommandAsync(1, "receiveVideo", AmfValue.Null, AmfValue.Of(false));
        await Client.ExpectAsync("_result");
        Application.Source.Write(Packet(Audio, 0, [1]));
        Application.Source.Write(Packet(Video, 0, [1], PacketFlags.Keyframe));
        Application.Source.Write(Packet(Audio, 20, [2]));
        await Client.ReadAsync(MessageType.Audio);
        await Client.ReadAsync(MessageType.Audio);
        Assert.Equal(20u, (await Client.ReadAsync())!.Timestamp);
        await Client.CommandAsync(1, "receiveVideo", AmfValue.Null, AmfValue.Of(true));
        await Client.ExpectAsync("_result");
        Application.Source.Write(Packet(Video, 40, [2]));
        Application.Source.Write(Packet(Video, 80, [3], PacketFlags.Keyframe));
        Assert.Equal(80u, (await Client.ReadAsync(MessageType.Video)).Timestamp);

        await Client.CommandAsync(1, "pause", AmfValue.Null, AmfValue.Of(true), AmfValue.Of(0.0));
        Assert.Equal("NetStream.Pause.Notify", await Client.ExpectStatusAsync());
        await Client.CommandAsync(1, "pause", AmfValue.Null, AmfValue.Of(false), AmfValue.Of(0.0));
        Assert.Equal("NetStream.Unpause.Notify", await Client.ExpectStatusAsync());
    }

    [Fact]
    public async Task The_end_of_the_stream_is_told_and_ends_the_connection()
    {
        await PlayingAsync();
        Application.Source.End(new Reason(Reasons.SourceEnded, "the publisher ended the stream"));
        Assert.Equal("NetStream.Play.UnpublishNotify", await Client.ExpectStatusAsync());
        Assert.Equal("NetStream.Play.Stop", await Client.ExpectStatusAsync());
        Assert.Null(await Client.ReadAsync());
        await AssertEndedAsync(Reasons.SourceEnded);
        Assert.True(Application.Source.IsDisposed);
    }

    [Fact]
    public async Task A_player_that_stops_reading_is_closed_in_time_and_still_read_until_then()
    {
        await PlayingAsync();
        for (var i = 0; i < 40; i++)
        {
            Application.Source.Write(Packet(Video, i, new byte[10_000], PacketFlags.Keyframe));
        }

        // More than the connection holds: the flush waits from here on.
        await EventuallyAsync(() => Statistics.BytesSent > 70_000);

        // It is still read: the answer waits in the queue.
        await Client.MessageAsync(MessageType.UserControl, 0, 0, [0, 6, 0, 0, 0, 1]);
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.False(Session.IsCompleted);

        Clock.Advance(TimeSpan.FromSeconds(12));
        await AssertEndedAsync(Reasons.WriteTimeout);
        Assert.True(Connection.IsAborted);
    }

    [Fact]
    public async Task A_stream_that_is_not_there_is_refused()
    {
        Application.Refusal = new Reason(Reasons.StreamNotFound, "nobody publishes live/s");
        await Client.PlayAsync();
        Assert.Equal("NetStream.Play.StreamNotFound", await Client.ExpectStatusAsync());
        await AssertEndedAsync(Reasons.StreamNotFound);
    }

    private async Task PlayingAsync()
    {
        await Client.PlayAsync();
        await Client.ExpectStatusAsync();
        await Client.ExpectStatusAsync();
    }

    private Packet Packet(Track track, long milliseconds, byte[] payload, PacketFlags flags = PacketFlags.None) =>
        Transcoder.Media.Packets.Packet.Copy(Pool, track, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), flags, payload);

    private static string? Name(ExpectedBytes? message)
    {
        Assert.Equal(MessageType.DataAmf0, message!.Type);
        Assert.True(new Amf0Reader(message.Body).TryReadString(out var name));
        return name;
    }

    private static void AssertMessage(MessageType type, uint timestamp, string body, ExpectedBytes? message) =>
        Assert.Equal((type, timestamp, body), (message!.Type, message.Timestamp, Convert.ToHexString(message.Body)));
}
