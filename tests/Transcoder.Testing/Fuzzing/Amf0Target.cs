using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>AMF0 values: a tree of bounded depth and size comes out, writing it is stable, and a command never fails for its arguments.</summary>
internal static class Amf0Target
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 1000, static bytes =>
    {
        var reader = new Amf0Reader(bytes);
        var nodes = 0;
        while (reader.TryRead(out var value))
        {
            AmfTree.Check(value, reader.HasReferences, ref nodes);
        }

        if (RtmpCommand.TryParse(MessageType.CommandAmf0, bytes) is { } command)
        {
            Promise.Holds(command.Arguments.Count <= AmfTree.MostNodes, "endless arguments");
            _ = command[command.Arguments.Count];
            _ = PeerCapabilities.Parse(command[0].AsObject).ToString();
        }
    });
}
