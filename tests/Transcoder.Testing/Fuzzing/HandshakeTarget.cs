using System.Buffers;
using Transcoder.Rtmp.Handshakes;

namespace Transcoder.Testing.Fuzzing;

/// <summary>C0, C1 and C2 in any cut: the same outcome, an answer of one size, and a digest that is right where one is claimed. Our client takes every answer.</summary>
internal static class HandshakeTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 200, static bytes =>
    {
        var whole = Read(bytes, bytes.Length);
        Promise.Holds(whole == Read(bytes, 1), "another outcome byte by byte than whole");
        Promise.Holds(whole == Read(bytes, 700), "another outcome in pieces than whole");

        if (bytes.Length > Handshake.PacketLength)
        {
            // No mutation makes a digest, so it is put in: a client that signs is always recognised, at both places.
            bytes[0] = Handshake.Version;
            bytes[5] |= 1;
            HandshakeDigest.SignPlayer(bytes.AsSpan(1, Handshake.PacketLength), (bytes[9] & 1) == 0 ? 8 : 772);
            Promise.Holds(Read(bytes, bytes.Length).Digest, "a signed C1 is not recognised");
        }

        if (bytes.Length >= ClientHandshake.AnswerLength)
        {
            var output = new ArrayBufferWriter<byte>();
            var accepted = ClientHandshake.Finish(new ReadOnlySequence<byte>(bytes), output);
            Promise.Holds(accepted == (bytes[0] == Handshake.Version), "our client takes what is not version 3, or not what is");
            Promise.Holds(output.WrittenCount == (accepted ? Handshake.PacketLength : 0), "C2 is not one packet");
        }
    });

    private static (HandshakeResult Result, bool Digest, int Answer, long Left, string? Refusal) Read(byte[] bytes, int step)
    {
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>();
        var result = HandshakeResult.NeedMore;
        var taken = 0;
        for (var arrived = 0; arrived < bytes.Length && result == HandshakeResult.NeedMore;)
        {
            arrived = Math.Min(bytes.Length, arrived + Math.Max(step, 1));
            do
            {
                var window = new ReadOnlySequence<byte>(bytes, taken, arrived - taken);
                result = handshake.Read(ref window, output);
                taken = arrived - (int)window.Length;
            }
            while (result == HandshakeResult.Answer);
        }

        Promise.Holds(output.WrittenCount is 0 or ClientHandshake.AnswerLength, $"an answer of {output.WrittenCount} bytes");
        Promise.Holds((result == HandshakeResult.NotRtmp) == (handshake.Refusal.Code is not null), "a refusal without a reason");
        if (output.WrittenCount > 0)
        {
            var s1 = output.WrittenSpan.Slice(1, Handshake.PacketLength);
            var s2 = output.WrittenSpan[(1 + Handshake.PacketLength)..];
            Promise.Holds(output.WrittenSpan[0] == Handshake.Version, "S0 is not 3");
            Promise.Holds(handshake.Digest || s2.SequenceEqual(bytes.AsSpan(1, Handshake.PacketLength)), "S2 does not echo C1");
            Promise.Holds(handshake.Digest == s1[4..8].ContainsAnyExcept((byte)0), "S1 has a version in the simple form, or none in the other");
        }

        return (result, handshake.Digest, output.WrittenCount, result == HandshakeResult.Done ? bytes.Length - taken : 0, handshake.Refusal.Code);
    }
}
