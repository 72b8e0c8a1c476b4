using System.Text;
using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

public sealed class HostileClientTests : SessionTest
{
    public HostileClientTests()
        : base(RtmpOptions.Default with { MaxConnections = 2 })
    {
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Reasons.HttpOnRtmpPort)]
    [InlineData("\x16\x03\x01\x02", Reasons.TlsOnPlainPort)]
    [InlineData("hello", Reasons.NotRtmp)]
    public async Task Another_protocol_gets_one_line_and_the_end(string bytes, string reason)
    {
        await Client.SendAsync(Encoding.Latin1.GetBytes(bytes));
        await AssertEndedAsync(reason);
        Assert.Contains(reason, Assert.Single(Logger.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_a_handshake_and_the_end_gets_one_line()
    {
        await Client.SendAsync(new byte[] { 3, 1, 2, 3 });
        Client.Close();
        await AssertEndedAsync(Reasons.ClientClosed);
        Assert.Contains("4 bytes", Assert.Single(Logger.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_a_handshake_and_silence_is_ended_by_the_clock()
    {
        await Client.SendAsync(new byte[] { 3, 1, 2, 3 });
        await EventuallyAsync(() => Statistics.BytesReceived == 4);
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.False(Session.IsCompleted);
        Clock.Advance(TimeSpan.FromSeconds(6));
        await AssertEndedAsync(Reasons.HandshakeTimeout);
        Assert.Single(Logger.Lines);
    }

    [Fact]
    public async Task A_client_that_only_shakes_hands_is_ended_by_the_clock()
    {
        await Client.HandshakeAsync();
        await Client.SendAsync(new byte[] { 3 });
        await EventuallyAsync(() => Statistics.BytesReceived == 3074);
        Clock.Advance(TimeSpan.FromSeconds(11));
        await AssertEndedAsync(Reasons.IdleTimeout);
    }

    [Fact]
    public async Task A_client_that_connects_and_does_nothing_is_ended_by_the_clock()
    {
        await Client.ConnectAsync();
        Clock.Advance(TimeSpan.FromSeconds(31));
        await AssertEndedAsync(Reasons.IdleTimeout);
        Assert.Single(Logger.Lines);
    }

    [Fact]
    public async Task Rubbish_after_the_handshake_is_a_protocol_error()
    {
        await Client.HandshakeAsync();
        await Client.SendAsync(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF });
        await AssertEndedAsync(Reasons.ProtocolError);
        Assert.Single(Logger.Lines);
    }

    [Fact]
    public async Task Random_bytes_after_the_handshake_never_throw()
    {
        var random = new Random(11);
        await Client.HandshakeAsync();
        var bytes = new byte[60_000];
        random.NextBytes(bytes);
        try
        {
            await Client.SendAsync(bytes);
        }
        finally
        {
            Client.Close();
        }

        await Session.WaitAsync(Patience);
        Assert.DoesNotContain(Reasons.InternalError, Statistics.Closes.Keys);
    }

    [Fact]
    public async Task A_command_before_connect_is_a_protocol_error()
    {
        await Client.HandshakeAsync();
        await Client.CommandAsync(0, "createStream", AmfValue.Null);
        await AssertEndedAsync(Reasons.ProtocolError);
    }

    [Fact]
    public async Task A_message_over_the_limit_is_refused()
    {
        await Client.HandshakeAsync();
        await Client.SendAsync(new byte[] { 6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0 });
        await AssertEndedAsync(Reasons.LimitExceeded);
    }

    [Fact]
    public async Task Asking_without_reading_is_ended()
    {
        await Client.ConnectAsync();
        var asking = AskAsync();

        // What is stuck is cut off after a while.
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            return Session.IsCompleted;
        });
        await AssertEndedAsync(Reasons.LimitExceeded);
        await asking;
    }

    // Far more pings than the pipe and the queue hold answers for.
    private async Task AskAsync()
    {
        try
        {
            while (!Session.IsCompleted)
            {
                await Client.MessageAsync(MessageType.UserControl, 0, 0, [0, 6, 0, 0, 0, 1]);
            }
        }
        catch (InvalidOperationException)
        {
            // The server has closed its side.
        }
    }

    [Fact]
    public async Task Names_that_are_not_printable_are_refused_and_cannot_forge_log_lines()
    {
        await Client.ConnectAsync();
        await Client.CommandAsync(1, "publish", AmfValue.Null, AmfValue.Of("a\nforged line"));
        await AssertEndedAsync(Reasons.BadName);
        Assert.DoesNotContain('\n', Assert.Single(Logger.Lines));
    }

    [Fact]
    public async Task Connections_over_the_limit_are_closed_and_the_others_stay()
    {
        await Client.ConnectAsync();
        Another();
        var (_, third) = Another();
        await third.WaitAsync(Patience);
        Assert.Equal([Reasons.TooManyConnections], Statistics.Closes.Keys);
        Assert.False(Session.IsCompleted);
    }
}
