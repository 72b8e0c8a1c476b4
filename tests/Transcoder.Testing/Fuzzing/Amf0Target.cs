using System.Buffers;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>AMF0 values: a tree of bounded depth and size comes out, writing it is stable, and a command never fails for its arguments.</summary>
internal static class Amf0Target
{
    // The reader allows 4096 values; one that is referred to counts each time it is met.
    private const int MostNodes = 4096;
    private const int Deepest = 18;

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 500, static bytes =>
    {
        var reader = new Amf0Reader(bytes);
        var nodes = 0;
        while (reader.TryRead(out var value))
        {
            Count(value, 0, ref nodes);
            Promise.Holds(nodes <= MostNodes, "more values come out than were allowed in");
            var once = Write(value);
            var again = new Amf0Reader(once);
            Promise.Holds(again.TryRead(out var copy) && again.AtEnd, "what was written is not read");
            Promise.Holds(once.AsSpan().SequenceEqual(Write(copy)), "writing is not stable");
        }

        if (RtmpCommand.TryParse(MessageType.CommandAmf0, bytes) is { } command)
        {
            Promise.Holds(command.Arguments.Count <= MostNodes, "endless arguments");
            _ = command[command.Arguments.Count];
        }
    });

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
