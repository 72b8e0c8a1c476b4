using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Rtmp;

/// <summary>What came of a connection. Everything is text, so that a difference can be read.</summary>
/// <param name="Requests">Who asked for what.</param>
/// <param name="Packets">What a publisher's hub received.</param>
/// <param name="Commands">What the server called, in order.</param>
public sealed record SessionOutcome(string Reason, IReadOnlyList<string> Requests, IReadOnlyList<string> Packets, IReadOnlyList<string> Commands);

/// <summary>
/// One connection to the server, all of it on the caller's thread: the bytes go in as they were cut, the client closes, and the outcome is there. Everybody is
/// admitted; a player is given nothing.
/// </summary>
public static class InlineSession
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <exception cref="InvalidOperationException">The session does not end with its connection, or leaves a timer behind, or what the server said is no RTMP.</exception>
    public static SessionOutcome Run(IEnumerable<ReadOnlyMemory<byte>> parts, MediaBufferPool pool, RtmpOptions options)
    {
        using var application = new FakeRtmpApplication();
        var statistics = new RtmpStatistics();
        var time = new CountingTimeProvider();
        var connection = new InlineConnection();
        var handler = new RtmpConnectionHandler(application, options, pool, statistics, time, NullLogger<RtmpConnectionHandler>.Instance);
        var session = handler.OnConnectedAsync(connection);
        foreach (var part in parts)
        {
            connection.Send(part);
        }

        connection.Close();
        if (!session.Wait(Patience) || !handler.DisposeAsync().AsTask().Wait(Patience) || statistics.ConnectionsOpen != 0)
        {
            throw new InvalidOperationException("the session does not end with its connection");
        }

        connection.Dispose();
        if (time.Timers != 0)
        {
            throw new InvalidOperationException($"{time.Timers} timers were left behind");
        }

        List<string> packets = [];
        while (application.Sink.Packets.TryRead(out var packet))
        {
            packets.Add(Shown(packet));
            packet.Release();
        }

        return new SessionOutcome(
            string.Join('+', statistics.Closes.Keys),
            [.. application.Requests.Select(static request => $"{request.App}/{request.Stream} key {request.Key}")],
            packets,
            Understand(connection.Answers(), pool));
    }

    private static string Shown(Packet packet)
    {
        var hash = default(HashCode);
        hash.AddBytes(packet.Payload.Span);
        hash.AddBytes(packet.Track.Config.Span);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{packet.Track.Codec} {packet.Track.Id} {packet.Dts.Nanoseconds} {packet.Pts.Nanoseconds} {packet.Flags} {packet.Payload.Length} {hash.ToHashCode()}");
    }

    private static List<string> Understand(ReadOnlySequence<byte> answers, MediaBufferPool pool)
    {
        List<string> commands = [];
        if (answers.Length < ClientHandshake.AnswerLength)
        {
            return answers.IsEmpty ? commands : throw new InvalidOperationException("half an answer to the handshake");
        }

        answers = answers.Slice(ClientHandshake.AnswerLength);
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        ChunkReadResult result;
        while ((result = reader.Read(ref answers, out var message)) == ChunkReadResult.Message)
        {
            if (message.Type is MessageType.CommandAmf0 or MessageType.CommandAmf3)
            {
                var command = RtmpCommand.TryParse(message.Type, message.Body);
                commands.Add(command is null ? "a call without a name" : $"{command.Name} {command[1].AsObject?["code"].AsString}");
            }

            message.Buffer.Release();
        }

        return result == ChunkReadResult.NeedMore && answers.IsEmpty ? commands : throw new InvalidOperationException($"the server said something that is no RTMP: {reader.Problem}");
    }

    private sealed class InlineConnection : DefaultConnectionContext, IDisposable
    {
        // Without a limit nobody waits for room, so that all runs on one thread.
        private static readonly PipeOptions Inline =
            new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false);

        private readonly Pipe _up = new(Inline);
        private readonly Pipe _down = new(Inline);
        private readonly CancellationTokenSource _closed = new();

        public InlineConnection()
        {
            ConnectionId = "inline";
            RemoteEndPoint = new IPEndPoint(IPAddress.Loopback, 4242);
            ConnectionClosed = _closed.Token;
            Transport = new Duplex(_up.Reader, _down.Writer);
        }

        public void Send(ReadOnlyMemory<byte> bytes)
        {
            _up.Writer.Write(bytes.Span);
            _ = _up.Writer.FlushAsync().AsTask().Wait(Patience);
        }

        public void Close() => _up.Writer.Complete();

        /// <summary>What the server does when the socket is gone.</summary>
        public void Dispose()
        {
            _closed.Cancel();
            _closed.Dispose();
        }

        public ReadOnlySequence<byte> Answers() => _down.Reader.TryRead(out var result) ? result.Buffer : default;

        private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
    }
}
