using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Chunks;

namespace Transcoder.Rtmp.Messages;

/// <summary>A decoded command message (RTMP 1.0 §7.2).</summary>
/// <param name="Arguments">What follows the transaction id; the first is the command object, mostly null.</param>
internal sealed record RtmpCommand(string Name, double TransactionId, IReadOnlyList<AmfValue> Arguments)
{
    /// <summary>The argument at that place, null where there is none.</summary>
    public AmfValue this[int index] => index < Arguments.Count ? Arguments[index] : AmfValue.Null;

    /// <summary>What is damaged behind the name is left out: a peer's odd argument is no reason to lose the call.</summary>
    public static RtmpCommand? TryParse(MessageType type, ReadOnlySpan<byte> body)
    {
        // Type 17 begins with a format byte, 0: AMF0 values follow, of which each may switch to AMF3.
        var start = type == MessageType.CommandAmf3 && body.Length > 0 && body[0] == 0 ? 1 : 0;
        var reader = new Amf0Reader(body[start..]);
        if (!reader.TryReadString(out var name))
        {
            return null;
        }

        var transactionId = reader.TryRead(out var number) ? number.AsNumber ?? 0 : 0;
        var arguments = new List<AmfValue>();
        while (reader.TryRead(out var argument))
        {
            arguments.Add(argument);
        }

        return new RtmpCommand(name, transactionId, arguments);
    }
}
