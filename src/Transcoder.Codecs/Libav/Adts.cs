namespace Transcoder.Codecs.Libav;

/// <summary>ADTS headers (ISO/IEC 14496-3 1.A.3), as transport streams put before each AAC frame.</summary>
internal static class Adts
{
    private static ReadOnlySpan<int> Rates => [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

    public static bool IsHeader(ReadOnlySpan<byte> frame) => frame.Length >= 7 && frame[0] == 0xFF && (frame[1] & 0xF6) == 0xF0;

    /// <returns>Bytes before the raw frame: two more where there is a checksum.</returns>
    public static int HeaderLength(ReadOnlySpan<byte> frame) => (frame[1] & 1) != 0 ? 7 : 9;

    /// <returns>An AudioSpecificConfig; empty where the header names no rate.</returns>
    public static byte[] Configuration(ReadOnlySpan<byte> frame)
    {
        var objectType = (frame[2] >> 6) + 1;
        var rateIndex = (frame[2] >> 2) & 15;
        var channels = ((frame[2] & 1) << 2) | (frame[3] >> 6);
        if (rateIndex >= Rates.Length)
        {
            return [];
        }

        return [(byte)((objectType << 3) | (rateIndex >> 1)), (byte)(((rateIndex & 1) << 7) | (channels << 3))];
    }
}
