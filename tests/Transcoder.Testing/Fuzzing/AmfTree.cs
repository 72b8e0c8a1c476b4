using System.Buffers;
using Transcoder.Rtmp.Amf;

namespace Transcoder.Testing.Fuzzing;

/// <summary>What holds for every AMF value that was read.</summary>
internal static class AmfTree
{
    // The reader allows 4096 values; one that is referred to counts each time it is met.
    public const int MostNodes = 4096;
    private const int Deepest = 18;

    /// <param name="hasReferences">Written out, it may be many times longer; the server writes no such thing.</param>
    public static void Check(AmfValue value, bool hasReferences, ref int nodes)
    {
        Count(value, 0, ref nodes);
        if (hasReferences)
        {
            return;
        }

        var once = Write(value);
        var reader = new Amf0Reader(once);
        Promise.Holds(reader.TryRead(out var copy) && reader.AtEnd, "what was written is not read");
        Promise.Holds(once.AsSpan().SequenceEqual(Write(copy)), "writing is not stable");
    }

    private static void Count(AmfValue value, int depth, ref int nodes)
    {
        Promise.Holds(depth <= Deepest, "nested too deeply");
        Promise.Holds(++nodes <= MostNodes, "more values come out than were allowed in");
        if (value.AsObject is { } properties)
        {
            foreach (var (_, property) in properties.Properties)
            {
                Count(property, depth + 1, ref nodes);
            }
        }
        else if (value.AsArray is { } items)
        {
            foreach (var item in items)
            {
                Count(item, depth + 1, ref nodes);
            }
        }
    }

    private static byte[] Write(AmfValue value)
    {
        var output = new ArrayBufferWriter<byte>();
        new Amf0Writer(output).Value(value);
        return output.WrittenSpan.ToArray();
    }
}
