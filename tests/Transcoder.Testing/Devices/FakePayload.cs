using System.Buffers.Binary;

namespace Transcoder.Testing.Devices;

/// <summary>Payloads that the fake device's decoders understand.</summary>
public static class FakePayload
{
    public static readonly byte[] Picture = [1];

    public static readonly byte[] RefusedPicture = [0xEE];

    public static readonly byte[] BreakingPicture = [0xDD];

    public static byte[] Sound(int samples, long first)
    {
        var payload = new byte[12];
        BinaryPrimitives.WriteInt32BigEndian(payload, samples);
        BinaryPrimitives.WriteInt64BigEndian(payload.AsSpan(4), first);
        return payload;
    }
}
