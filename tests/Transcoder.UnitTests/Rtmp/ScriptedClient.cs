using System.Buffers;
using System.IO.Pipelines;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;
using Transcoder.Media.Buffers;

namespace Transcoder.UnitTests.Rtmp;

/// <summary>A client that does what the test says, step by step, on the far end of a connection. Every wait has a deadline.</summary>
internal sealed class ScriptedClient(IDuplexPipe pipe) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly MediaBufferPool _pool = new();
    private ChunkReader? _reader;
    private double _transaction;

    public int ChunkSize { get; set; } = 128;

    private ChunkReader Reader => _reader ??= new ChunkReader(_pool, ChunkLimits.Default);

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await pipe.Output.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    public void Close() => pipe.Output.Complete();

    public async Task HandshakeAsync()
    {
        var output = new ArrayBufferWriter<byte>();
        ClientHandshake.Begin(output);
        await SendAsync(output.WrittenMemory);
        var answer = await ReceiveAsync(ClientHandshake.AnswerLength);
        output.Clear();
        ClientHandshake.Finish(new ReadOnlySequence<byte>(answer), output);
        await SendAsync(output.WrittenMemory);
    }

    public async Task<byte[]> ReceiveAsync(int length)
    {
        var result = await pipe.Input.ReadAtLeastAsync(length).AsTask().WaitAsync(Patience);
        var bytes = result.Buffer.Slice(0, Math.Min(length, result.Buffer.Length)).ToArray();
        pipe.Input.AdvanceTo(result.Buffer.GetPosition(bytes.Length));
        return bytes;
    }

    /// <summary>What connect states beside the application: capabilities.</summary>
    public IReadOnlyList<(string Name, AmfValue Value)> Announced { get; set; } = [];

    /// <returns>The answer to connect.</returns>
    public async Task<RtmpCommand> ConnectAsync(string app = "live")
    {
        await HandshakeAsync();
        var properties = new AmfObject().Add("app", AmfValue.Of(app)).Add("tcUrl", AmfValue.Of($"rtmp://h/{app}"));
        foreach (var (name, value) in Announced)
        {
            properties.Add(name, value);
        }

        await CommandAsync(0, "connect", AmfValue.Of(properties));
        return await ExpectAsync("_result");
    }

    /// <summary>fourCcList and capsEx.</summary>
    public void Announce(string fourCcs, double extended = 0) => Announced =
    [
        ("fourCcList", AmfValue.Of([.. fourCcs.Split(',').Select(AmfValue.Of)])),
        ("capsEx", AmfValue.Of(extended)),
    ];

    public async Task<RtmpCommand> PublishAsync(string name = "s")
    {
        await ConnectAsync();
        await CommandAsync(0, "createStream", AmfValue.Null);
        await ExpectAsync("_result");
        await CommandAsync(1, "publish", AmfValue.Null, AmfValue.Of(name), AmfValue.Of("live"));
        return await ExpectAsync("onStatus");
    }

    public async Task PlayAsync(string name = "s")
    {
        await ConnectAsync();
        await CommandAsync(0, "createStream", AmfValue.Null);
        await ExpectAsync("_result");
        await CommandAsync(1, "play", AmfValue.Null, AmfValue.Of(name));
    }

    /// <returns>The transaction id.</returns>
    public async Task<double> CommandAsync(uint streamId, string name, params AmfValue[] arguments)
    {
        var body = new ArrayBufferWriter<byte>();
        var amf = new Amf0Writer(body).String(name).Number(++_transaction);
        foreach (var argument in arguments)
        {
            amf.Value(argument);
        }

        await MessageAsync(MessageType.CommandAmf0, streamId, 0, body.WrittenMemory.ToArray());
        return _transaction;
    }

    public async Task MessageAsync(MessageType type, uint streamId, uint timestamp, byte[] body)
    {
        var bytes = new byte[ChunkWriter.SizeOf(body.Length, timestamp, ChunkSize)];
        ChunkWriter.Write(bytes, 3, type, streamId, timestamp, [], body, ChunkSize);
        await SendAsync(bytes);
    }

    /// <returns>The next message, or null when the server has closed.</returns>
    public async Task<ExpectedBytes?> ReadAsync()
    {
        while (true)
        {
            var result = await pipe.Input.ReadAsync().AsTask().WaitAsync(Patience);
            var buffer = result.Buffer;
            var status = Reader.Read(ref buffer, out var message);
            if (status == ChunkReadResult.Message)
            {
                var taken = new ExpectedBytes(message.Type, message.StreamId, message.Timestamp, message.Body.ToArray());
                message.Buffer.Release();
                pipe.Input.AdvanceTo(buffer.Start);
                return taken;
            }

            pipe.Input.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return null;
            }
        }
    }

    public async Task<ExpectedBytes> ReadAsync(MessageType type)
    {
        while (true)
        {
            var message = await ReadAsync() ?? throw new InvalidOperationException($"the server closed before it sent {type}");
            if (message.Type == type)
            {
                return message;
            }
        }
    }

    public async Task<RtmpCommand> ExpectAsync(string name)
    {
        while (true)
        {
            var message = await ReadAsync(MessageType.CommandAmf0);
            if (RtmpCommand.TryParse(message.Type, message.Body) is { } command && command.Name == name)
            {
                return command;
            }
        }
    }

    public async Task<string?> ExpectStatusAsync()
    {
        var command = await ExpectAsync("onStatus");
        return command[1].AsObject?["code"].AsString;
    }

    public void Dispose() => _reader?.Dispose();
}

internal sealed record ExpectedBytes(MessageType Type, uint StreamId, uint Timestamp, byte[] Body);
