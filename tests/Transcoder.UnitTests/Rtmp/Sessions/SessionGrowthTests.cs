using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

/// <summary>What one connection can take of the server: streams, words, and time in each state.</summary>
public sealed class SessionGrowthTests : SessionTest
{
    public SessionGrowthTests()
        : base(RtmpOptions.Default with { MaxMessageStreams = 2 })
    {
    }

    [Fact]
    public async Task Message_streams_are_limited()
    {
        await Client.PublishAsync();
        await Client.CommandAsync(2, "publish", AmfValue.Null, AmfValue.Of("second"));
        Assert.Equal("NetStream.Publish.Start", await Client.ExpectStatusAsync());
        await Client.CommandAsync(3, "publish", AmfValue.Null, AmfValue.Of("third"));
        Assert.Equal("NetStream.Publish.BadName", await Client.ExpectStatusAsync());
        Assert.Equal(2, Application.Requests.Count);
    }

    [Fact]
    public async Task A_command_is_no_longer_than_commands_are()
    {
        await Client.HandshakeAsync();
        await Client.CommandAsync(0, "connect", AmfValue.Of(new AmfObject().Add("app", AmfValue.Of(new string('a', 70_000)))));
        await AssertEndedAsync(Reasons.LimitExceeded);
    }

    [Fact]
    public async Task Pictures_are_as_long_as_they_like_once_somebody_publishes_and_not_before()
    {
        byte[] picture = [0x17, 1, 0, 0, 0, .. new byte[2 << 20]];
        await Client.PublishAsync();
        await Client.MessageAsync(MessageType.Video, 1, 0, [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]);
        await Client.MessageAsync(MessageType.Video, 1, 0, picture);
        var packet = await Application.Sink.Packets.ReadAsync().AsTask().WaitAsync(Patience);
        Assert.Equal(2 << 20, packet.Payload.Length);
        packet.Release();

        var (connection, session) = Another();
        using var stranger = new ScriptedClient(connection.Client);
        await stranger.ConnectAsync();
        var bytes = new byte[ChunkWriter.SizeOf(picture.Length, 0, 128)];
        ChunkWriter.Write(bytes, 6, MessageType.Video, 1, 0, [], picture, 128);
        await stranger.SendAsync(bytes.AsMemory(0, 100));
        await session.WaitAsync(Patience);
        Assert.Equal([Reasons.LimitExceeded], Statistics.Closes.Keys);
    }

    [Fact]
    public async Task A_handshake_that_drips_is_ended_by_the_clock()
    {
        for (var second = 0; second < 10; second++)
        {
            await Client.SendAsync(new byte[] { 3 });
            await EventuallyAsync(() => Statistics.BytesReceived == second + 1);
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Clock.Advance(TimeSpan.FromSeconds(1));
        await AssertEndedAsync(Reasons.HandshakeTimeout);
    }

    [Fact]
    public async Task Small_talk_instead_of_a_stream_is_ended_by_the_clock()
    {
        await Client.ConnectAsync();
        for (var second = 0; second < 30; second++)
        {
            await Client.CommandAsync(0, "createStream", AmfValue.Null);
            await Client.ExpectAsync("_result");
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        Clock.Advance(TimeSpan.FromSeconds(1));
        await AssertEndedAsync(Reasons.IdleTimeout);
    }

    [Fact]
    public async Task An_admission_without_a_decision_is_ended_by_the_clock()
    {
        Application.Decision = new TaskCompletionSource().Task;
        await Client.PlayAsync();
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromSeconds(1));
            return Session.IsCompleted;
        });
        Assert.Equal([Reasons.InternalError], Statistics.Closes.Keys);
        Assert.True(Clock.GetUtcNow() - Clock.Start > RtmpOptions.Default.AdmissionTimeout);
    }
}
