using System.Buffers;
using System.IO.Pipelines;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;

namespace Transcoder.UnitTests.Rtmp;

/// <summary>A server that is not ours: it agrees to a publisher and says of itself what the test wants.</summary>
internal sealed class ScriptedServer(IDuplexPipe pipe, MediaBufferPool pool) : IDisposable
{
    private readonly RtmpLink _link = new(pipe.Input, new PipeOutput(pipe.Output), pool, RtmpOptions.Default, TimeProvider.System, new RtmpStatistics());

    /// <param name="fourCcs">Empty: it says nothing.</param>
    /// <param name="refuse">Given app and tcUrl of connect, what stands in the error that answers it; null: it agrees.</param>
    public async Task AcceptPublisherAsync(string fourCcs, Func<string, string, Action<Amf0Writer>?>? refuse = null)
    {
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>();
        var result = HandshakeResult.NeedMore;
        while (result != HandshakeResult.Done)
        {
            var (_, bytes) = await _link.PeekAsync(1536);
            result = handshake.Read(ref bytes, output);
            _link.Skip(bytes);
            if (result == HandshakeResult.Answer)
            {
                _link.Writer.Send(output.WrittenSpan);
            }
            else if (result == HandshakeResult.NeedMore)
            {
                await _link.PeekAsync((int)bytes.Length + 1);
            }
        }

        while (true)
        {
            var (_, message) = await _link.ReadAsync();
            var command = RtmpCommand.TryParse(message.Type, message.Body);
            message.Buffer.Release();
            switch (command?.Name)
            {
                case "connect" when refuse?.Invoke(command[0].AsObject!["app"].AsString!, command[0].AsObject!["tcUrl"].AsString!) is { } status:
                    _link.Send(_link.NewBatch().Command(0, amf => status(amf.String("_error").Number(command.TransactionId).Null())));
                    return;
                case "connect":
                    _link.Send(_link.NewBatch().Command(0, amf =>
                    {
                        amf.String("_result").Number(command.TransactionId).BeginObject();
                        if (fourCcs.Length > 0)
                        {
                            amf.Name("fourCcList").Value(AmfValue.Of([.. fourCcs.Split(',').Select(AmfValue.Of)]));
                        }

                        amf.End().BeginObject().Property("code", "NetConnection.Connect.Success").End();
                    }));
                    break;
                case "createStream":
                    _link.Send(_link.NewBatch().Result(command.TransactionId, AmfValue.Of(1.0)));
                    break;
                case "publish":
                    _link.Send(_link.NewBatch().Status(1, "status", "NetStream.Publish.Start", ""));
                    return;
            }
        }
    }

    public void Dispose() => _link.Dispose();
}
