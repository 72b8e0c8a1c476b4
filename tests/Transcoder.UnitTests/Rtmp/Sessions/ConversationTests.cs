using System.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Media;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

/// <summary>The protocol's own conversation: what leaves in one write, control messages, aggregates, AMF3, and clients that leave half-way.</summary>
public sealed class ConversationTests : SessionTest
{
    [Fact]
    public async Task The_handshakes_answer_and_the_answer_to_connect_leave_in_one_write_each()
    {
        var output = new ArrayBufferWriter<byte>();
        ClientHandshake.Begin(output);
        await Client.SendAsync(output.WrittenMemory);
        Assert.Equal(ClientHandshake.AnswerLength, await ReadAvailableAsync());
        output.ResetWrittenCount();
        output.Write(new byte[1536]);
        output.Write(Command("connect", 1, static amf => amf.BeginObject().Property("app", "live").End()));
        await Client.SendAsync(output.WrittenMemory);
        var read = await ReadAvailableAsync();

        // Window, bandwidth, chunk size, StreamBegin and the result.
        Assert.True(read > 16 + 17 + 16 + 18 + 100, $"{read} bytes in the first read");
        await Client.SendAsync(Command("createStream", 2, static amf => amf.Null()));
        var next = await Connection.Client.Input.ReadAsync().AsTask().WaitAsync(Patience);
        Assert.Equal(1, Occurrences(next.Buffer.ToArray(), "_result"u8));
        Connection.Client.Input.AdvanceTo(next.Buffer.End);
    }

    [Fact]
    public async Task A_connect_that_comes_with_the_handshakes_last_part_is_answered()
    {
        var output = new ArrayBufferWriter<byte>();
        ClientHandshake.Begin(output);
        output.Write(new byte[1536]);
        output.Write(Command("connect", 1, static amf => amf.BeginObject().Property("app", "live").End()));
        await Client.SendAsync(output.WrittenMemory);
        await Client.ReceiveAsync(ClientHandshake.AnswerLength);
        Assert.Equal(1, (await Client.ExpectAsync("_result")).TransactionId);
    }

    /// <summary>Set Peer Bandwidth as size and limit type, one after another, and the windows that are announced for them (§5.4.5).</summary>
    [Theory]
    [InlineData("1000 hard", "1000")]
    [InlineData("1000 hard,1000 hard", "1000")]
    [InlineData("1000 hard,5000 soft,400 soft", "1000,400")]
    [InlineData("1000 hard,700 dynamic", "1000,700")]
    [InlineData("9000000 soft,700 dynamic", "")]
    [InlineData("700 dynamic", "")]
    [InlineData("0 hard", "")]
    public async Task A_bandwidth_is_answered_with_a_window_where_that_is_news(string sent, string expected)
    {
        await Client.ConnectAsync();
        foreach (var (size, limit) in sent.Split(',').Select(static part => (uint.Parse(part.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture), part.Split(' ')[1])))
        {
            var kind = limit switch { "hard" => (byte)0, "soft" => (byte)1, _ => (byte)2 };
            await Client.MessageAsync(MessageType.SetPeerBandwidth, 0, 0, [(byte)(size >> 24), (byte)(size >> 16), (byte)(size >> 8), (byte)size, kind]);
        }

        await Client.MessageAsync(MessageType.UserControl, 0, 0, [0, 6, 0, 0, 0, 9]);
        var windows = new List<string>();
        while (await Client.ReadAsync() is { } message && message.Type != MessageType.UserControl)
        {
            if (message.Type == MessageType.WindowAcknowledgementSize)
            {
                windows.Add(((message.Body[0] << 24) | (message.Body[1] << 16) | (message.Body[2] << 8) | message.Body[3]).ToString(System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        Assert.Equal(expected, string.Join(',', windows));
    }

    [Theory]
    [InlineData(new byte[] { 0, 3, 0, 0, 0, 1, 0, 0, 3, 0xE8 })]
    [InlineData(new byte[] { 0, 31, 0, 0, 0, 1 })]
    [InlineData(new byte[] { 0, 26, 0 })]
    [InlineData(new byte[] { 0, 7, 0, 0, 0, 1 })]
    [InlineData(new byte[0])]
    public async Task User_control_events_that_ask_for_nothing_are_skipped(byte[] body)
    {
        await Client.ConnectAsync();
        await Client.MessageAsync(MessageType.UserControl, 0, 0, body);
        await Client.CommandAsync(0, "createStream", AmfValue.Null);
        Assert.Equal(1, (await Client.ExpectAsync("_result"))[1].AsNumber);
    }

    [Fact]
    public async Task An_aggregate_is_its_parts()
    {
        await Client.PublishAsync();
        var body = Convert.FromHexString("08000003" + "000005" + "00" + "000000" + "2FAABB" + "0000000E" + "08000002" + "000019" + "00" + "000000" + "2FCC" + "0000000D" + "01000004" + "000019" + "00" + "000000" + "00000001" + "0000000F");
        await Client.MessageAsync(MessageType.Aggregate, 1, 1000, body);
        var first = await Application.Sink.Packets.ReadAsync();
        var second = await Application.Sink.Packets.ReadAsync();
        Assert.Equal((1000L, "AABB", 1020L, "CC"), (first.Dts.Milliseconds, Convert.ToHexString(first.Payload.Span), second.Dts.Milliseconds, Convert.ToHexString(second.Payload.Span)));
        first.Release();
        second.Release();

        // The chunk size inside it was no order.
        await Client.MessageAsync(MessageType.Audio, 1, 1040, [0x2F, .. new byte[300]]);
        (await Application.Sink.Packets.ReadAsync()).Release();
    }

    [Fact]
    public async Task A_client_that_speaks_AMF3_publishes()
    {
        await Client.HandshakeAsync();

        // connect with its object as an AMF3 value: { app: "live", objectEncoding: 3 }.
        await Client.MessageAsync(
            MessageType.CommandAmf3, 0, 0,
            [0, 2, 0, 7, .. "connect"u8, 0, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 17, 10, 0x0B, 1, 7, .. "app"u8, 6, 9, .. "live"u8, 29, .. "objectEncoding"u8, 4, 3, 1]);
        Assert.Equal(0, (await Client.ExpectAsync("_result"))[1].AsObject!["objectEncoding"].AsNumber);
        await Client.MessageAsync(MessageType.CommandAmf3, 1, 0, [0, 2, 0, 7, .. "publish"u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 17, 6, 3, (byte)'s', 17, 6, 9, .. "live"u8]);
        Assert.Equal("NetStream.Publish.Start", await Client.ExpectStatusAsync());
        Assert.Equal(("live", "s"), Application.Requests.Select(static request => (request.App, request.Stream)).Single());

        // Its metadata become AMF0, which every player reads; its shared objects are skipped.
        await Client.MessageAsync(MessageType.SharedObjectAmf3, 0, 0, [0, 0, 1, (byte)'x']);
        await Client.MessageAsync(MessageType.DataAmf3, 1, 0, [0, 2, 0, 13, .. "@setDataFrame"u8, 2, 0, 10, .. "onMetaData"u8, 17, 10, 0x0B, 1, 11, .. "width"u8, 4, 0x85, 0x00, 1]);
        var data = await Application.Sink.Packets.ReadAsync();
        Assert.Equal([2, 0, 10, .. "onMetaData"u8, 8, 0, 0, 0, 1, 0, 5, .. "width"u8, 0, 0x40, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 9], data.Payload.ToArray());
        data.Release();
    }

    [Fact]
    public async Task Acknowledgements_of_the_client_are_taken_and_wrap()
    {
        await Client.ConnectAsync();
        await Client.MessageAsync(MessageType.Acknowledgement, 0, 0, [0xFF, 0xFF, 0xFF, 0xFF]);
        await Client.MessageAsync(MessageType.Acknowledgement, 0, 0, [0, 0, 0, 5]);
        await Client.CommandAsync(0, "createStream", AmfValue.Null);
        await Client.ExpectAsync("_result");
    }

    private static byte[] Command(string name, double transaction, Action<Amf0Writer> arguments)
    {
        var body = new ArrayBufferWriter<byte>();
        arguments(new Amf0Writer(body).String(name).Number(transaction));
        var bytes = new byte[ChunkWriter.SizeOf(body.WrittenCount, 0, 128)];
        ChunkWriter.Write(bytes, 3, MessageType.CommandAmf0, 0, 0, [], body.WrittenSpan, 128);
        return bytes;
    }

    private static int Occurrences(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> word)
    {
        var count = 0;
        for (var at = bytes.IndexOf(word); at >= 0; at = bytes.IndexOf(word))
        {
            count++;
            bytes = bytes[(at + 1)..];
        }

        return count;
    }

    private async Task<long> ReadAvailableAsync()
    {
        var read = await Connection.Client.Input.ReadAsync().AsTask().WaitAsync(Patience);
        Connection.Client.Input.AdvanceTo(read.Buffer.End);
        return read.Buffer.Length;
    }
}
