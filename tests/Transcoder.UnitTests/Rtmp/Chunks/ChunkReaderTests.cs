using System.Buffers;
using Transcoder.Rtmp.Chunks;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Chunks;

public sealed class ChunkReaderTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, ChunkCases.All.Length)];

    public static TheoryData<int> OurCases => [.. Enumerable.Range(0, ChunkCases.All.Length).Where(static index => ChunkCases.All[index].IsOurs)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_case_reads_the_same_however_it_is_cut(int index)
    {
        var chunkCase = ChunkCases.All[index];
        foreach (var parts in Splits.Of(chunkCase.Bytes))
        {
            using var pool = new TrackingBufferPool();
            using var reader = new ChunkReader(pool, ChunkLimits.Default);
            var messages = Feed(reader, parts, out var result);
            Assert.Equal(ChunkReadResult.NeedMore, result);
            AssertSame(chunkCase.Messages, messages);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_case_reads_the_same_from_a_sequence_of_segments(int index)
    {
        var chunkCase = ChunkCases.All[index];
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        var sequence = Splits.Join([[], .. chunkCase.Bytes.Select(static one => new[] { one })]);
        var messages = new List<ExpectedMessage>();
        while (reader.Read(ref sequence, out var message) == ChunkReadResult.Message)
        {
            messages.Add(Take(message));
        }

        Assert.Equal(0, sequence.Length);
        AssertSame(chunkCase.Messages, messages);
    }

    [Theory]
    [MemberData(nameof(OurCases))]
    public void The_writer_makes_exactly_these_bytes(int index)
    {
        var chunkCase = ChunkCases.All[index];
        var bytes = new List<byte>();
        foreach (var message in chunkCase.Messages)
        {
            // Cut in two: a header and a payload are what images are made of.
            var cut = message.Body.Length / 3;
            var target = new byte[ChunkWriter.SizeOf(message.Body.Length, message.Timestamp, chunkCase.ChunkSize)];
            var length = ChunkWriter.Write(
                target, (byte)message.ChunkStreamId, (MessageType)message.Type, message.StreamId, message.Timestamp,
                message.Body.AsSpan(0, cut), message.Body.AsSpan(cut), chunkCase.ChunkSize);
            Assert.Equal(target.Length, length);
            bytes.AddRange(target);
        }

        Assert.Equal(chunkCase.Bytes, bytes);
    }

    [Theory]
    [InlineData(0xFFFFFEu)]
    [InlineData(0xFFFFFFu)]
    [InlineData(0x1000000u)]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(0u)]
    public void What_is_written_is_read_back_around_the_time_boundaries(uint timestamp)
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        foreach (var length in (int[])[0, 1, 127, 128, 129, 5000])
        {
            var body = Enumerable.Range(0, length).Select(static value => (byte)value).ToArray();
            var bytes = new byte[ChunkWriter.SizeOf(length, timestamp, 128)];
            ChunkWriter.Write(bytes, 6, MessageType.Video, 1, timestamp, [], body, 128);
            AssertSame([new(9, 6, 1, timestamp, body)], Feed(reader, [bytes], out _));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x84, 0, 0, 0 }, "begins with a type 2 header")]
    [InlineData(new byte[] { 0xC4, 0, 0, 0 }, "begins with a type 3 header")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, "chunk size 0")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x80, 0, 0, 0 }, "chunk size 2147483648")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0 }, "SetChunkSize of 3 bytes")]
    public void Nonsense_is_malformed_and_says_why(byte[] bytes, string problem)
    {
        foreach (var parts in Splits.Of(bytes))
        {
            using var pool = new TrackingBufferPool();
            using var reader = new ChunkReader(pool, ChunkLimits.Default);
            Feed(reader, parts, out var result);
            Assert.Equal(ChunkReadResult.Malformed, result);
            Assert.Contains(problem, reader.Problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_message_longer_than_the_limit_is_refused_before_its_bytes_come()
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default with { MessageSize = 1000 });
        Feed(reader, [[6, 0, 0, 0, 0, 3, 0xE9, 9, 1, 0, 0, 0]], out var result);
        Assert.Equal(ChunkReadResult.LimitExceeded, result);
    }

    [Fact]
    public void Chunk_streams_are_limited()
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default with { ChunkStreams = 2 });
        byte[][] parts = [[4, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0]];
        Assert.Equal(2, Feed(reader, parts, out var result).Count);
        Assert.Equal(ChunkReadResult.LimitExceeded, result);
    }

    [Fact]
    public void Unfinished_messages_are_limited_together()
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default with { PartialBytes = 400 });
        byte[] one = [4, 0, 0, 0, 0, 1, 0, 8, 1, 0, 0, 0, .. new byte[128]];
        byte[] other = [5, .. one[1..]];
        Feed(reader, [one, other], out var result);
        Assert.Equal(ChunkReadResult.LimitExceeded, result);
    }

    [Fact]
    public void An_announced_length_allocates_little_before_its_bytes_come()
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        byte[] header = [6, 0, 0, 0, 0xFF, 0xFF, 0xFF, 9, 1, 0, 0, 0];
        Feed(reader, [header], out _);
        Assert.Equal(0, pool.RentedBuffers);
        Feed(reader, [[1]], out _);
        Assert.Equal(1, pool.RentedBuffers);
        Assert.True(pool.Largest <= 1 << 10, $"{pool.Largest} bytes were rented");
    }

    /// <summary>What counts is what is held, not what has arrived.</summary>
    [Fact]
    public void The_blocks_of_unfinished_messages_stay_within_the_limit()
    {
        using var pool = new TrackingBufferPool();
        var limits = new ChunkLimits(1 << 20, 64, 1 << 20);
        using var reader = new ChunkReader(pool, limits);
        Feed(reader, [[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0x41, 1]], out _);
        var result = ChunkReadResult.NeedMore;
        for (byte id = 3; result == ChunkReadResult.NeedMore && id < 60; id++)
        {
            Feed(reader, [[id, 0, 0, 0, 0x0F, 0, 0, 9, 1, 0, 0, 0, .. new byte[0x4101]]], out result);
        }

        Assert.Equal(ChunkReadResult.LimitExceeded, result);
        Assert.True(pool.PeakBytes <= limits.PartialBytes, $"{pool.PeakBytes} bytes were held");
    }

    [Fact]
    public void Small_media_messages_lie_in_one_block_and_stay_whole_when_others_go()
    {
        using var pool = new TrackingBufferPool();
        using var reader = new ChunkReader(pool, ChunkLimits.Default);
        var held = new List<(RtmpMessage Message, byte[] Body)>();
        for (var i = 0; i < 40; i++)
        {
            var body = Enumerable.Range(0, 100 + (i * 17)).Select(at => (byte)(i + at)).ToArray();
            var bytes = new byte[ChunkWriter.SizeOf(body.Length, 0, ChunkReader.DefaultChunkSize)];
            ChunkWriter.Write(bytes, 6, MessageType.Video, 1, 0, body, [], ChunkReader.DefaultChunkSize);
            var input = new ReadOnlySequence<byte>(bytes);
            Assert.Equal(ChunkReadResult.Message, reader.Read(ref input, out var message));
            held.Add((message, body));
            if (i % 3 == 0)
            {
                held[i / 2].Message.Buffer.Release();
                held.RemoveAt(i / 2);
            }
        }

        Assert.All(held, one => Assert.Equal(one.Body, one.Message.Body));

        // 17 KB in messages of 100 to 763 bytes.
        Assert.InRange(pool.RentedBuffers, 2, 4);
        held.ForEach(one => one.Message.Buffer.Release());
        Assert.Equal(1, pool.RentedBuffers);

        // Nothing is left in the block: it goes with the next look for a message.
        var none = ReadOnlySequence<byte>.Empty;
        Assert.Equal(ChunkReadResult.NeedMore, reader.Read(ref none, out _));
        Assert.Equal(0, pool.RentedBuffers);
    }

    private static List<ExpectedMessage> Feed(ChunkReader reader, byte[][] parts, out ChunkReadResult result)
    {
        var messages = new List<ExpectedMessage>();
        byte[] left = [];
        result = ChunkReadResult.NeedMore;
        foreach (var part in parts)
        {
            var sequence = new ReadOnlySequence<byte>([.. left, .. part]);
            while ((result = reader.Read(ref sequence, out var message)) == ChunkReadResult.Message)
            {
                messages.Add(Take(message));
            }

            if (result != ChunkReadResult.NeedMore)
            {
                return messages;
            }

            left = sequence.ToArray();
        }

        return messages;
    }

    private static ExpectedMessage Take(RtmpMessage message)
    {
        var taken = new ExpectedMessage((byte)message.Type, message.ChunkStreamId, message.StreamId, message.Timestamp, message.Body.ToArray());
        message.Buffer.Release();
        return taken;
    }

    private static void AssertSame(IReadOnlyList<ExpectedMessage> expected, IReadOnlyList<ExpectedMessage> actual)
    {
        Assert.Equal(expected.Select(Shown), actual.Select(Shown));

        static string Shown(ExpectedMessage message) =>
            $"type {message.Type} csid {message.ChunkStreamId} stream {message.StreamId} time {message.Timestamp} {Convert.ToHexString(message.Body)}";
    }
}
