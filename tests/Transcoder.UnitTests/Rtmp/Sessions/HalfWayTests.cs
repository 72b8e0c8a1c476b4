using System.Buffers;
using Transcoder.Media;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

/// <summary>A client may leave at any byte of its conversation.</summary>
public sealed class HalfWayTests : SessionTest
{
    public static TheoryData<string> Conversations => ["publish", "play"];

    [Theory]
    [MemberData(nameof(Conversations))]
    public async Task A_client_that_leaves_at_any_byte_leaves_nothing_behind(string verb)
    {
        var bytes = Conversation(verb);
        var handshake = 1 + 1536 + 1536;
        int[] insideHandshake = [0, 1, 2, 1536, 1537, 1538, handshake - 1];
        foreach (var cut in insideHandshake.Concat(Enumerable.Range(handshake, bytes.Length - handshake + 1)))
        {
            using var application = new FakeRtmpApplication();
            await using var handler = new Transcoder.Rtmp.RtmpConnectionHandler(application, Transcoder.Rtmp.RtmpOptions.Default, Pool, Statistics, Clock, Logger);
            var connection = new MemoryConnection();
            var session = handler.OnConnectedAsync(connection);
            await connection.Client.Output.WriteAsync(bytes.AsMemory(0, cut));
            await connection.Client.Output.CompleteAsync();

            // What the server says goes nowhere.
            var drained = false;
            while (!drained)
            {
                var read = await connection.Client.Input.ReadAsync().AsTask().WaitAsync(Patience);
                connection.Client.Input.AdvanceTo(read.Buffer.End);
                drained = read.IsCompleted;
            }

            await connection.Client.Input.CompleteAsync();
            await session.WaitAsync(Patience);
        }

        Client.Close();
        await Session.WaitAsync(Patience);
        Assert.Equal([Reasons.ClientClosed], Statistics.Closes.Keys);
        Assert.Equal((0, 0, 0), (Statistics.ConnectionsOpen, Statistics.PublishersOpen, Statistics.PlayersOpen));
    }

    private static byte[] Conversation(string verb)
    {
        var output = new ArrayBufferWriter<byte>();
        ClientHandshake.Begin(output);
        output.Write(new byte[1536]);
        Add(output, MessageType.CommandAmf0, 0, Body("connect", 1, static amf => amf.BeginObject().Property("app", "live").End()));
        Add(output, MessageType.CommandAmf0, 0, Body("createStream", 2, static amf => amf.Null()));
        Add(output, MessageType.CommandAmf0, 1, Body(verb, 3, static amf => amf.Null().String("s")));
        Add(output, MessageType.Video, 1, [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1F, 0xFF, 0xE0, 0]);
        Add(output, MessageType.Video, 1, [0x17, 1, 0, 0, 0, .. new byte[140]]);
        Add(output, MessageType.CommandAmf0, 1, Body("deleteStream", 4, static amf => amf.Null().Number(1)));
        return output.WrittenSpan.ToArray();
    }

    private static byte[] Body(string name, double transaction, Action<Amf0Writer> arguments)
    {
        var body = new ArrayBufferWriter<byte>();
        arguments(new Amf0Writer(body).String(name).Number(transaction));
        return body.WrittenSpan.ToArray();
    }

    private static void Add(ArrayBufferWriter<byte> output, MessageType type, uint streamId, byte[] body)
    {
        var size = ChunkWriter.SizeOf(body.Length, 0, 128);
        ChunkWriter.Write(output.GetSpan(size), 3, type, streamId, 0, [], body, 128);
        output.Advance(size);
    }
}
