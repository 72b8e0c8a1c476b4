using System.Buffers;

namespace Transcoder.UnitTests.Rtmp;

/// <summary>The ways in which a network may cut the same bytes.</summary>
internal static class Splits
{
    /// <summary>Whole, one byte at a time, and in two at every place.</summary>
    public static IEnumerable<byte[][]> Of(byte[] bytes)
    {
        yield return [bytes];
        yield return [.. bytes.Select(static one => new[] { one })];
        for (var at = 1; at < bytes.Length; at++)
        {
            yield return [bytes[..at], bytes[at..]];
        }
    }

    /// <summary>One sequence out of several segments, an empty one among them, as pipes make them.</summary>
    public static ReadOnlySequence<byte> Join(params byte[][] parts)
    {
        Segment? first = null;
        Segment? last = null;
        foreach (var part in parts)
        {
            last = last is null ? new Segment(part, 0) : last.Append(part);
            first ??= last;
        }

        return first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, long index)
        {
            Memory = bytes;
            RunningIndex = index;
        }

        public Segment Append(byte[] bytes)
        {
            var next = new Segment(bytes, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
