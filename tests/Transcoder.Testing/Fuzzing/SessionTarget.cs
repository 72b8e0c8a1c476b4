using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Testing.Rtmp;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// A connection to the server after its handshake, until the client closes: it ends, with one reason that is never a fault of ours, everything is given back, and
/// what the server says is RTMP. The pipes run everything on this thread.
/// </summary>
internal static class SessionTarget
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private static readonly RtmpOptions Options = RtmpOptions.Default with
    {
        MaxMessageSize = 1 << 14,
        MaxPartialBytes = 3 << 13,
        MaxChunkStreams = 8,
        MaxQueuedAnswers = 4 << 10,
        MaxMessageStreams = 2,
    };

    private static readonly byte[] ClientPart = [3, .. new byte[2 * Handshake.PacketLength]];

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 4000, 1 << 22, static (bytes, pool) =>
    {
        using var application = new FakeRtmpApplication();
        var statistics = new RtmpStatistics();
        var connection = new InlineConnection();
        var handler = new RtmpConnectionHandler(application, Options, pool, statistics, TimeProvider.System, NullLogger<RtmpConnectionHandler>.Instance);
        var session = handler.OnConnectedAsync(connection);
        connection.Send(ClientPart);
        connection.Send(bytes);
        connection.Close();
        Promise.Holds(session.Wait(Patience), "the session does not end with its connection");
        handler.DisposeAsync().AsTask().Wait(Patience);
        application.Sink.Dispose();
        application.Source.Dispose();

        Promise.Holds(statistics.ConnectionsOpen == 0, "the connection is still counted as open");
        Promise.Holds(statistics.Closes.Count == 1, "not exactly one reason");
        Promise.Holds(!statistics.Closes.ContainsKey(Reasons.InternalError), "a fault of ours");
        Understand(connection.Answers(), pool);
    });

    private static void Understand(ReadOnlySequence<byte> answers, TrackingBufferPool pool)
    {
        Promise.Holds(answers.Length >= ClientHandshake.AnswerLength, "no handshake came back");
        answers = answers.Slice(ClientHandshake.AnswerLength);
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        ChunkReadResult result;
        while ((result = reader.Read(ref answers, out var message)) == ChunkReadResult.Message)
        {
            message.Buffer.Release();
        }

        Promise.Holds(result == ChunkReadResult.NeedMore && answers.IsEmpty && pool.RentedBuffers == 0, $"the server said something that is no RTMP: {reader.Problem}");
    }

    private sealed class InlineConnection : DefaultConnectionContext
    {
        private readonly Pipe _up = new(Inline(0));
        private readonly Pipe _down = new(Inline(0));

        public InlineConnection()
        {
            ConnectionId = "fuzz";
            RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 4242);
            Transport = new Duplex(_up.Reader, _down.Writer);
        }

        public void Send(byte[] bytes)
        {
            _up.Writer.Write(bytes);

            // With no limit and inline schedulers this runs the session and returns; the session may have ended, and does not read any more then.
            _ = _up.Writer.FlushAsync().AsTask().Wait(Patience);
        }

        public void Close() => _up.Writer.Complete();

        public ReadOnlySequence<byte> Answers() => _down.Reader.TryRead(out var result) ? result.Buffer : default;

        private static PipeOptions Inline(long pause) =>
            new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: pause, useSynchronizationContext: false);

        private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
    }
}
