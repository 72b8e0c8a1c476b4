using System.Buffers;
using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Chunks;
using Transcoder.Testing;
using Transcoder.Testing.Corpus;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Corpus;

/// <summary>What real clients sent, replayed whole, byte by byte and cut everywhere: the network's cuts never change what comes of it.</summary>
public sealed class RecordedSessionTests
{
    private const int HandshakeLength = 1 + (2 * 1536);

    // Handshake, commands and the first media of every client lie before this.
    private const int Beginning = 4200;

    // Behind the beginning not every place, but places of every kind. A prime, so that it does not walk along with chunk sizes.
    private const int Stride = 331;

    public static TheoryData<RecordedSession> Sessions => [.. RecordedSession.All];

    public static TheoryData<RecordedSession> Publishers => [.. RecordedSession.All.Where(static session => session.Name.EndsWith("-publish", StringComparison.Ordinal) || session.Name.EndsWith("-push", StringComparison.Ordinal))];

    [Fact]
    public void The_clients_of_the_corpus_are_there()
    {
        foreach (var client in (string[])["ffmpeg", "gstreamer", "librtmp", "nginx", "obs", "rtmpdump", "vlc"])
        {
            Assert.Contains(RecordedSession.All, session => session.Name.Contains(client, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void Its_messages_are_the_same_however_it_is_cut(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var bytes = session.Bytes[HandshakeLength..];
        var whole = Messages(pool, [bytes]);
        Assert.NotEmpty(whole);
        Assert.Equal(whole, Messages(pool, bytes.Chunk(1)));
        foreach (var at in Places(bytes.Length, Beginning - HandshakeLength))
        {
            Assert.Equal(whole, Messages(pool, [bytes[..at], bytes[at..]]));
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void The_server_does_the_same_however_it_is_cut(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var whole = Serve(pool, session.Bytes);
        AssertSame(whole, Serve(pool, [.. session.Bytes.Chunk(1).Select(static one => new ReadOnlyMemory<byte>(one))]));

        // Before, at and behind each message's end, and inside each message's header.
        var ends = session.Messages().SelectMany(static message => (int[])[message.End - 1, message.End, message.End + 1, message.End + 6]);
        foreach (var at in ends.Where(at => at >= Beginning && at < session.Bytes.Length))
        {
            AssertSame(whole, Serve(pool, session.Bytes.AsMemory(0, at), session.Bytes.AsMemory(at)));
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void The_beginning_may_be_cut_anywhere(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var beginning = session.Bytes.AsMemory(0, Math.Min(session.Bytes.Length, Beginning));
        var whole = Serve(pool, beginning);
        for (var at = 1; at < beginning.Length; at++)
        {
            AssertSame(whole, Serve(pool, beginning[..at], beginning[at..]));
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void It_may_end_anywhere_and_nothing_is_lost(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        foreach (var at in Places(session.Bytes.Length, HandshakeLength + 600).Where(static at => at < 8 || at > HandshakeLength - 8))
        {
            Assert.NotEqual(Reasons.InternalError, Serve(pool, session.Bytes.AsMemory(0, at)).Reason);
            Assert.Equal(0, pool.RentedBuffers);
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void It_is_understood(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var outcome = Serve(pool, session.Bytes);
        Assert.StartsWith("live/", Assert.Single(outcome.Requests), StringComparison.Ordinal);
        Assert.Equal("_result NetConnection.Connect.Success", outcome.Commands[0]);
        Assert.Equal(Reasons.ClientClosed, outcome.Reason);
    }

    [Theory]
    [MemberData(nameof(Publishers))]
    public void A_publishers_pictures_and_sound_arrive_in_order(RecordedSession session)
    {
        using var pool = new TrackingBufferPool(traces: false);
        var outcome = Serve(pool, session.Bytes);
        Assert.Contains("onStatus NetStream.Publish.Start", outcome.Commands);
        foreach (var codec in (string[])["H264", "Aac"])
        {
            var times = outcome.Packets.Select(static packet => packet.Split(' ')).Where(parts => parts[0] == codec).Select(static parts => long.Parse(parts[2])).ToArray();
            Assert.True(times.Length > 15, $"{times.Length} packets of {codec}");
            Assert.Equal(times.Order(), times);
        }
    }

    /// <summary>Every place up to <paramref name="dense"/>, and some behind it.</summary>
    private static IEnumerable<int> Places(int length, int dense)
    {
        for (var at = 1; at < length; at += at < dense ? 1 : Stride)
        {
            yield return at;
        }
    }

    private static SessionOutcome Serve(TrackingBufferPool pool, params ReadOnlyMemory<byte>[] parts)
    {
        var outcome = InlineSession.Run(parts, pool, RtmpOptions.Default);
        Assert.Equal(0, pool.RentedBuffers);
        return outcome;
    }

    private static void AssertSame(SessionOutcome expected, SessionOutcome actual)
    {
        Assert.Equal(expected.Reason, actual.Reason);
        Assert.Equal(expected.Requests, actual.Requests);
        Assert.Equal(expected.Packets, actual.Packets);
        Assert.Equal(expected.Commands, actual.Commands);
    }

    private static List<(MessageType Type, uint ChunkStream, uint Stream, uint Time, string Body)> Messages(TrackingBufferPool pool, IEnumerable<byte[]> parts)
    {
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        List<(MessageType Type, uint ChunkStream, uint Stream, uint Time, string Body)> messages = [];
        byte[] left = [];
        foreach (var part in parts)
        {
            var window = left.Length == 0 ? new ReadOnlySequence<byte>(part) : Splits.Join(left, part);
            while (reader.Read(ref window, out var message) is var result && result != ChunkReadResult.NeedMore)
            {
                Assert.Equal(ChunkReadResult.Message, result);
                var hash = default(HashCode);
                hash.AddBytes(message.Body);
                messages.Add((message.Type, message.ChunkStreamId, message.StreamId, message.Timestamp, $"{message.Length} {hash.ToHashCode()}"));
                message.Buffer.Release();
            }

            left = window.ToArray();
        }

        return messages;
    }
}
