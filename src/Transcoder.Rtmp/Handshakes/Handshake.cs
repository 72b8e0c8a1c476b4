using System.Buffers;
using System.Security.Cryptography;
using Transcoder.Media;

namespace Transcoder.Rtmp.Handshakes;

internal enum HandshakeResult
{
    NeedMore,

    /// <summary>The answer is to be sent; call again with what follows.</summary>
    Answer,

    Done,

    /// <summary>The peer speaks something else: see <see cref="Handshake.Refusal"/>.</summary>
    NotRtmp,
}

/// <summary>The server's side of the handshake (RTMP 1.0 §5.2), simple or with digest as the client began it. Does no I/O.</summary>
internal sealed class Handshake
{
    public const int PacketLength = 1536;
    public const byte Version = 3;

    /// <summary>S0, S1 and S2, in bytes.</summary>
    public const int AnswerLength = 1 + (2 * PacketLength);

    private bool _answered;

    /// <summary>Set with <see cref="HandshakeResult.NotRtmp"/>.</summary>
    public Reason Refusal { get; private set; }

    /// <summary>Whether the client used the digest form.</summary>
    public bool Digest { get; private set; }

    /// <summary>Takes bytes from <paramref name="input"/>, which moves past them.</summary>
    /// <param name="output">Receives S0, S1 and S2 together: some clients cannot read them apart.</param>
    public HandshakeResult Read(ref ReadOnlySequence<byte> input, IBufferWriter<byte> output)
    {
        if (!_answered)
        {
            if (input.IsEmpty)
            {
                return HandshakeResult.NeedMore;
            }

            // Not FirstSpan: a pipe may hand out an empty first segment.
            Span<byte> first = stackalloc byte[1];
            input.Slice(0, 1).CopyTo(first);
            if (first[0] != Version)
            {
                Refusal = Recognise(first[0]);
                return HandshakeResult.NotRtmp;
            }

            if (input.Length < 1 + PacketLength)
            {
                return HandshakeResult.NeedMore;
            }

            Span<byte> c1 = stackalloc byte[PacketLength];
            input.Slice(1, PacketLength).CopyTo(c1);
            input = input.Slice(1 + PacketLength);
            Answer(c1, output);
            _answered = true;
            return HandshakeResult.Answer;
        }

        // C2 is read and not looked at: encoders in the field send echoes that differ.
        if (input.Length < PacketLength)
        {
            return HandshakeResult.NeedMore;
        }

        input = input.Slice(PacketLength);
        return HandshakeResult.Done;
    }

    private void Answer(ReadOnlySpan<byte> c1, IBufferWriter<byte> output)
    {
        var answer = output.GetSpan(AnswerLength);
        var s1 = answer.Slice(1, PacketLength);
        var s2 = answer.Slice(1 + PacketLength, PacketLength);
        answer[0] = Version;
        RandomNumberGenerator.Fill(s1);
        s1[..8].Clear();

        Span<byte> digest = stackalloc byte[HandshakeDigest.Length];

        // The four bytes behind the time are zero in the simple form and a player version in the digest form.
        var field = 0;
        Digest = c1[4..8].ContainsAnyExcept((byte)0) && HandshakeDigest.TryFind(c1, out field, digest);
        if (Digest)
        {
            s1[4] = 3;
            s1[5] = 5;
            s1[6] = 1;
            s1[7] = 1;
            HandshakeDigest.SignServer(s1, field);
            RandomNumberGenerator.Fill(s2);
            HandshakeDigest.SignAnswer(s2, digest);
        }
        else
        {
            c1.CopyTo(s2);
        }

        output.Advance(AnswerLength);
    }

    private static Reason Recognise(byte first) => first switch
    {
        0x16 => new Reason(Reasons.TlsOnPlainPort, "the client began a TLS handshake on the plain RTMP port; use rtmp://, not rtmps://"),
        (byte)'G' or (byte)'P' or (byte)'H' or (byte)'O' or (byte)'D' or (byte)'C' =>
            new Reason(Reasons.HttpOnRtmpPort, "the client sent what looks like HTTP to the RTMP port"),
        6 => new Reason(Reasons.NotRtmp, "the client asked for encrypted RTMP (RTMPE), which is not supported"),
        _ => new Reason(Reasons.NotRtmp, $"the first byte is 0x{first:X2}; RTMP begins with 0x03"),
    };
}
