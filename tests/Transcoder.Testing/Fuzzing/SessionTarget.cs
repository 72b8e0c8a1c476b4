using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Testing.Rtmp;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// A connection to the server after its handshake, until the client closes: it ends, with one reason that is never a fault of ours, everything is given back, and
/// what the server says is RTMP.
/// </summary>
internal static class SessionTarget
{
    private static readonly RtmpOptions Options = RtmpOptions.Default with
    {
        MaxMessageSize = 1 << 14,
        MaxPartialBytes = 3 << 13,
        MaxChunkStreams = 8,
        MaxQueuedAnswers = 4 << 10,
        MaxMessageStreams = 2,
    };

    private static readonly byte[] ClientPart = [Handshake.Version, .. new byte[2 * Handshake.PacketLength]];

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 2000, 1 << 20, static (bytes, pool) =>
    {
        var outcome = InlineSession.Run([ClientPart, bytes], pool, Options);
        Promise.Holds(!outcome.Reason.Contains('+', StringComparison.Ordinal) && outcome.Reason.Length > 0, $"not exactly one reason: {outcome.Reason}");
        Promise.Holds(outcome.Reason != Reasons.InternalError, "a fault of ours");
    });
}
