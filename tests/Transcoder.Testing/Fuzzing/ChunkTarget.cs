using System.Buffers;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// Chunks to messages to packets and commands: the same whole, byte by byte and cut elsewhere; what is read can be written and read again. The limits are
/// small, so that a small input reaches them.
/// </summary>
internal static class ChunkTarget
{
    private static readonly ChunkLimits Limits = new(1 << 14, 8, 3 << 13);

    // The unfinished messages' blocks, the message just read, and the block that one of them is copied out of while it grows. The pool's blocks are up to
    // half as large again as was asked for.
    private static readonly long Pooled = 3L * (Limits.PartialBytes + (2 * Limits.MessageSize)) / 2;

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 20_000, Pooled, static (bytes, pool) =>
    {
        var whole = Read(bytes, bytes.Length, pool, demux: true);
        Compare(whole, Read(bytes, 1, pool, demux: false), "byte by byte");
        Compare(whole, Read(bytes, 7, pool, demux: false), "in sevens");
        Compare(whole, ReadSegments(bytes, pool), "from segments");
    });

    private static void Compare(Story expected, Story actual, string how)
    {
        Promise.Holds(expected.Result == actual.Result, $"{actual.Result} {how}, {expected.Result} whole");
        Promise.Holds(expected.Problem == actual.Problem, $"'{actual.Problem}' {how}, '{expected.Problem}' whole");
        Promise.Holds(expected.Messages.SequenceEqual(actual.Messages), $"other messages {how} than whole");
    }

    private static Story Read(byte[] bytes, int step, MediaBufferPool pool, bool demux)
    {
        using var reader = new ChunkReader(pool, Limits);
        var demuxer = new MessageDemuxer(pool);
        var story = new Story();
        var taken = 0;
        for (var arrived = 0; arrived < bytes.Length && story.Result == ChunkReadResult.NeedMore;)
        {
            arrived = Math.Min(bytes.Length, arrived + step);
            var window = new ReadOnlySequence<byte>(bytes, taken, arrived - taken);
            Read(reader, ref window, story, message => Use(message, demux ? demuxer : null, pool));
            taken = arrived - (int)window.Length;
        }

        return story;
    }

    private static Story ReadSegments(byte[] bytes, MediaBufferPool pool)
    {
        using var reader = new ChunkReader(pool, Limits);
        var story = new Story();
        var window = Segments.Of(bytes, 5);
        Read(reader, ref window, story, static message => message.Buffer.Release());
        return story;
    }

    private static void Read(ChunkReader reader, ref ReadOnlySequence<byte> window, Story story, Action<RtmpMessage> use)
    {
        while (true)
        {
            story.Result = reader.Read(ref window, out var message);
            if (story.Result != ChunkReadResult.Message)
            {
                story.Problem = reader.Problem;
                return;
            }

            Promise.Holds(message.Length <= Limits.MessageSize, "a message over the limit");
            var hash = default(HashCode);
            hash.AddBytes(message.Body);
            story.Messages.Add((message.Type, message.ChunkStreamId, message.StreamId, message.Timestamp, message.Length, hash.ToHashCode()));
            use(message);
        }
    }

    private static void Use(RtmpMessage message, MessageDemuxer? demuxer, MediaBufferPool pool)
    {
        if (demuxer is null)
        {
            message.Buffer.Release();
            return;
        }

        Rewrite(message, pool);
        if (message.Type is MessageType.CommandAmf0 or MessageType.CommandAmf3)
        {
            _ = RtmpCommand.TryParse(message.Type, message.Body);
        }

        if (message.Type != MessageType.Aggregate)
        {
            Demux(message, demuxer);
            return;
        }

        using var aggregate = new AggregateReader(pool);
        aggregate.Begin(message);
        var parts = 0;
        while (aggregate.TryRead(out var part))
        {
            Promise.Holds(++parts * 11 <= message.Length, "more parts than headers");
            Demux(part, demuxer);
        }
    }

    private static void Demux(RtmpMessage message, MessageDemuxer demuxer)
    {
        var packets = 0;
        for (var any = demuxer.TryDemux(message, out var packet); any; any = demuxer.TryNext(out packet))
        {
            packet.Release();
            packets++;
        }

        Promise.Holds(packets <= TrackTable.MostTracks, "more packets of one message than tracks are allowed");
    }

    private static void Rewrite(RtmpMessage message, MediaBufferPool pool)
    {
        if (message.Length > 4096)
        {
            return;
        }

        var image = new byte[ChunkWriter.SizeOf(message.Length, message.Timestamp, 128)];
        var cut = message.Length / 3;
        var written = ChunkWriter.Write(image, 3, message.Type, message.StreamId, message.Timestamp, message.Body[..cut], message.Body[cut..], 128);
        Promise.Holds(written == image.Length, "the writer's size is not what it wrote");
        using var reader = new ChunkReader(pool, Limits);
        var window = new ReadOnlySequence<byte>(image);
        if (message.Type is MessageType.SetChunkSize or MessageType.Abort)
        {
            return;
        }

        Promise.Holds(reader.Read(ref window, out var again) == ChunkReadResult.Message && window.IsEmpty, "what was written is not read");
        var same = again.Type == message.Type && again.StreamId == message.StreamId && again.Timestamp == message.Timestamp && again.Body.SequenceEqual(message.Body);
        again.Buffer.Release();
        Promise.Holds(same, "what was written is read as something else");
    }

    private sealed class Story
    {
        public List<(MessageType Type, uint ChunkStream, uint Stream, uint Time, int Length, int Hash)> Messages { get; } = [];

        public ChunkReadResult Result { get; set; } = ChunkReadResult.NeedMore;

        public string Problem { get; set; } = "";
    }
}
