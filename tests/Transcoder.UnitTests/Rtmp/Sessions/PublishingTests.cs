using Transcoder.Media;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

public sealed class PublishingTests : SessionTest
{
    private static readonly byte[] AvcHeader = [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0];

    [Fact]
    public async Task The_answer_to_connect_is_one_write_in_the_usual_order()
    {
        // Set Chunk Size is the third; the reader acts on it and does not show it.
        await Client.HandshakeAsync();
        await Client.CommandAsync(0, "connect", AmfValue.Of(new AmfObject().Add("app", AmfValue.Of("live"))));
        var types = new List<MessageType>();
        for (var i = 0; i < 4; i++)
        {
            types.Add((await Client.ReadAsync())!.Type);
        }

        Assert.Equal(
            [MessageType.WindowAcknowledgementSize, MessageType.SetPeerBandwidth, MessageType.UserControl, MessageType.CommandAmf0],
            types);
    }

    [Fact]
    public async Task What_is_published_reaches_the_sink_and_a_goodbye_ends_it()
    {
        var status = await Client.PublishAsync("s?key=secret");
        Assert.Equal("NetStream.Publish.Start", status[1].AsObject!["code"].AsString);
        Assert.True(Application.Requests.TryDequeue(out var request));
        Assert.Equal(("live", "s", "secret"), (request.App, request.Stream, request.Key));

        await Client.MessageAsync(MessageType.Video, 1, 0, AvcHeader);
        await Client.MessageAsync(MessageType.Video, 1, 40, [0x17, 1, 0, 0, 0, 1, 2, 3]);
        var packet = await Application.Sink.Packets.ReadAsync();
        Assert.True(packet.IsKeyframe);
        Assert.Equal([1, 2, 3], packet.Payload.ToArray());
        packet.Release();

        await Client.CommandAsync(0, "FCUnpublish", AmfValue.Null, AmfValue.Of("s"));
        Assert.Equal("NetStream.Unpublish.Success", await Client.ExpectStatusAsync());
        Assert.Equal(Reasons.Unpublished, (await Application.Sink.Completed.WaitAsync(Patience)).Code);
        await Client.CommandAsync(0, "deleteStream", AmfValue.Null, AmfValue.Of(1.0));
        Client.Close();
        await AssertEndedAsync(Reasons.ClientClosed);
        Assert.Equal(2, Logger.Lines.Count);
        Assert.DoesNotContain(Logger.Lines, static line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connection_that_just_ends_is_a_disconnected_publisher()
    {
        await Client.PublishAsync();
        Client.Close();
        Assert.Equal(Reasons.PublisherDisconnected, (await Application.Sink.Completed.WaitAsync(Patience)).Code);
        await AssertEndedAsync(Reasons.ClientClosed);
    }

    [Fact]
    public async Task A_message_cut_in_half_by_the_end_leaves_nothing_behind()
    {
        await Client.PublishAsync();
        await Client.SendAsync(new byte[] { 6, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0, 1, 2, 3 });
        Client.Close();
        await AssertEndedAsync(Reasons.ClientClosed);
    }

    [Fact]
    public async Task A_takeover_by_the_hub_ends_the_connection_with_the_hubs_reason()
    {
        await Client.PublishAsync();
        Application.Sink.CloseFromHub(new Reason(Reasons.PublisherReplaced, "a second publisher took over"));
        Assert.Equal("NetConnection.Connect.Closed", await Client.ExpectStatusAsync());
        Assert.Null(await Client.ReadAsync());
        await AssertEndedAsync(Reasons.PublisherReplaced);
        Assert.Equal(Reasons.PublisherReplaced, (await Application.Sink.Completed.WaitAsync(Patience)).Code);
    }

    [Fact]
    public async Task A_refusal_is_told_and_logged_once_and_ends_the_connection()
    {
        Application.Refusal = new Reason(Reasons.BadKey, "the key is not valid for this application");
        var status = await Client.PublishAsync("s?key=wrong");
        Assert.Equal("NetStream.Publish.BadName", status[1].AsObject!["code"].AsString);
        Assert.Equal("error", status[1].AsObject!["level"].AsString);
        await AssertEndedAsync(Reasons.BadKey);
        var line = Assert.Single(Logger.Lines);
        Assert.Contains("bad_key", line, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exception_in_the_house_ends_only_this_connection()
    {
        Application.Failure = new InvalidOperationException("broken");
        await Client.ConnectAsync();
        await Client.CommandAsync(1, "publish", AmfValue.Null, AmfValue.Of("s"));
        await AssertEndedAsync(Reasons.InternalError);
    }

    [Theory]
    [InlineData("releaseStream")]
    [InlineData("FCPublish")]
    [InlineData("_checkbw")]
    [InlineData("FCSubscribe")]
    [InlineData("getStreamLength")]
    [InlineData("set_playlist")]
    public async Task A_call_is_answered_with_its_own_transaction(string name)
    {
        await Client.ConnectAsync();
        var transaction = await Client.CommandAsync(0, name, AmfValue.Null, AmfValue.Of("s"));
        Assert.Equal(transaction, (await Client.ExpectAsync("_result")).TransactionId);
    }

    [Fact]
    public async Task An_amf3_command_is_understood()
    {
        await Client.HandshakeAsync();
        await Client.MessageAsync(
            MessageType.CommandAmf3, 0, 0, [0, 2, 0, 7, .. "connect"u8, 0, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 3, 0, 3, .. "app"u8, 2, 0, 4, .. "live"u8, 0, 0, 9]);
        Assert.Equal(1, (await Client.ExpectAsync("_result")).TransactionId);
    }

    [Fact]
    public async Task Media_before_publish_and_unknown_messages_are_skipped()
    {
        await Client.ConnectAsync();
        await Client.MessageAsync(MessageType.Video, 1, 0, AvcHeader);
        await Client.MessageAsync((MessageType)99, 1, 0, [1, 2, 3]);
        await Client.MessageAsync(MessageType.SharedObjectAmf0, 0, 0, [1]);
        await Client.CommandAsync(0, "createStream", AmfValue.Null);
        Assert.Equal(1, (await Client.ExpectAsync("_result"))[1].AsNumber);
    }

    [Fact]
    public async Task Pings_are_answered_with_their_own_time()
    {
        await Client.ConnectAsync();
        await Client.MessageAsync(MessageType.UserControl, 0, 0, [0, 6, 1, 2, 3, 4]);
        var answer = await Client.ReadAsync(MessageType.UserControl);
        Assert.Equal([0, 7, 1, 2, 3, 4], answer.Body);
    }

    [Fact]
    public async Task Bytes_are_acknowledged_before_the_peers_window_is_full()
    {
        await Client.PublishAsync();
        await Client.MessageAsync(MessageType.WindowAcknowledgementSize, 0, 0, [0, 0, 0x10, 0]);
        await Client.MessageAsync(MessageType.Video, 1, 0, new byte[3000]);
        var acknowledgement = await Client.ReadAsync(MessageType.Acknowledgement);
        Assert.Equal(4, acknowledgement.Body.Length);
    }

    [Fact]
    public async Task A_silent_publisher_is_pinged_and_then_gone()
    {
        await Client.PublishAsync();
        Clock.Advance(TimeSpan.FromSeconds(22));
        Assert.Equal(6, (await Client.ReadAsync(MessageType.UserControl)).Body[1]);
        Clock.Advance(TimeSpan.FromSeconds(40));
        await AssertEndedAsync(Reasons.IdleTimeout);
        Assert.Equal(Reasons.IdleTimeout, (await Application.Sink.Completed.WaitAsync(Patience)).Code);
    }

    [Fact]
    public async Task Times_beyond_24_bits_arrive_in_both_dialects()
    {
        await Client.PublishAsync();
        await Client.MessageAsync(MessageType.Video, 1, 0, AvcHeader);
        await Client.MessageAsync(MessageType.Video, 1, 0x01000005, [0x17, 1, 0, 0, 0, .. new byte[300]]);
        var packet = await Application.Sink.Packets.ReadAsync();
        Assert.Equal((0x01000005L, 300), (packet.Dts.Milliseconds, packet.Payload.Length));
        Assert.Equal(CodecId.H264, packet.Track.Codec);
        packet.Release();
    }
}
