using System.Buffers;
using System.Security.Cryptography;

namespace Transcoder.Rtmp.Handshakes;

/// <summary>The client's side: the simple form, which every server takes. Does no I/O.</summary>
internal static class ClientHandshake
{
    /// <summary>S0, S1 and S2.</summary>
    public const int AnswerLength = 1 + (2 * Handshake.PacketLength);

    /// <summary>C0 and C1.</summary>
    public static void Begin(IBufferWriter<byte> output)
    {
        var span = output.GetSpan(1 + Handshake.PacketLength)[..(1 + Handshake.PacketLength)];
        span[0] = Handshake.Version;
        span[1..9].Clear();
        RandomNumberGenerator.Fill(span[9..]);
        output.Advance(span.Length);
    }

    /// <summary>C2, the echo of S1.</summary>
    /// <param name="answer">At least <see cref="AnswerLength"/> bytes; S2 is not checked.</param>
    /// <returns>False when the server does not speak RTMP version 3.</returns>
    public static bool Finish(ReadOnlySequence<byte> answer, IBufferWriter<byte> output)
    {
        Span<byte> first = stackalloc byte[1];
        answer.Slice(0, 1).CopyTo(first);
        if (first[0] != Handshake.Version)
        {
            return false;
        }

        var span = output.GetSpan(Handshake.PacketLength);
        answer.Slice(1, Handshake.PacketLength).CopyTo(span);
        output.Advance(Handshake.PacketLength);
        return true;
    }
}
