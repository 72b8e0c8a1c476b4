using System.Security.Cryptography;

namespace Transcoder.Rtmp.Handshakes;

/// <summary>
/// The digest handshake of Flash Player 9 and of encoders that followed it: HMAC-SHA256 over the 1536 bytes of C1 or S1, kept inside them at a place that
/// four other bytes name. RTMP 1.0 leaves it out.
/// </summary>
internal static class HandshakeDigest
{
    public const int Length = 32;

    // The secret parts of both keys are public knowledge since 2009; peers check for exactly these.
    private static readonly byte[] KeyTail =
    [
        0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
        0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
    ];

    private static readonly byte[] PlayerKey = [.. "Genuine Adobe Flash Player 001"u8];
    private static readonly byte[] ServerKey = [.. "Genuine Adobe Flash Media Server 001"u8];
    private static readonly byte[] ServerFullKey = [.. ServerKey, .. KeyTail];

    // The two places where the four bytes that name the digest's offset may lie.
    private static ReadOnlySpan<int> OffsetFields => [772, 8];

    /// <summary>Finds the client's digest.</summary>
    /// <param name="offsetField">Which layout the client used: pass it on to <see cref="SignServer"/>.</param>
    /// <returns>False for a simple handshake.</returns>
    public static bool TryFind(ReadOnlySpan<byte> c1, out int offsetField, Span<byte> digest)
    {
        foreach (var field in OffsetFields)
        {
            var at = DigestOffset(c1, field);
            Compute(PlayerKey, c1, at, digest);
            if (CryptographicOperations.FixedTimeEquals(digest, c1.Slice(at, Length)))
            {
                offsetField = field;
                return true;
            }
        }

        offsetField = 0;
        return false;
    }

    /// <summary>Puts the server's digest into S1.</summary>
    public static void SignServer(Span<byte> s1, int offsetField)
    {
        var at = DigestOffset(s1, offsetField);
        Span<byte> digest = stackalloc byte[Length];
        Compute(ServerKey, s1, at, digest);
        digest.CopyTo(s1[at..]);
    }

    /// <summary>Signs S2 over the client's digest.</summary>
    public static void SignAnswer(Span<byte> s2, ReadOnlySpan<byte> clientDigest)
    {
        Span<byte> key = stackalloc byte[Length];
        HMACSHA256.HashData(ServerFullKey, clientDigest, key);
        HMACSHA256.HashData(key, s2[..^Length], s2[^Length..]);
    }

    /// <summary>Puts a player's digest into C1; for tests: our own client uses the simple form.</summary>
    public static void SignPlayer(Span<byte> c1, int offsetField)
    {
        var at = DigestOffset(c1, offsetField);
        Span<byte> digest = stackalloc byte[Length];
        Compute(PlayerKey, c1, at, digest);
        digest.CopyTo(c1[at..]);
    }

    private static int DigestOffset(ReadOnlySpan<byte> packet, int field) =>
        ((packet[field] + packet[field + 1] + packet[field + 2] + packet[field + 3]) % 728) + field + 4;

    private static void Compute(byte[] key, ReadOnlySpan<byte> packet, int at, Span<byte> digest)
    {
        Span<byte> message = stackalloc byte[Handshake.PacketLength - Length];
        packet[..at].CopyTo(message);
        packet[(at + Length)..].CopyTo(message[at..]);
        HMACSHA256.HashData(key, message, digest);
    }
}
