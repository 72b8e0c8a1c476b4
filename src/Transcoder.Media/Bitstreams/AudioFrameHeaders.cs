using System.Buffers.Binary;

namespace Transcoder.Media.Bitstreams;

/// <summary>The four bytes before an MPEG audio frame (ISO/IEC 11172-3 §2.4.1.3, 13818-3 for the low rates, version 2.5 by custom).</summary>
/// <param name="Bitrate">Bits a second; 0 for the free format.</param>
/// <param name="FrameSize">Bytes with header; 0 for the free format.</param>
public readonly record struct Mp3FrameHeader(int SampleRate, int Channels, int Bitrate, int SamplesPerFrame, int FrameSize)
{
    private const int Layer3 = 1;
    private const int Version1 = 3;
    private const int Version2 = 2;

    private static ReadOnlySpan<short> Version1Kilobits => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];

    private static ReadOnlySpan<short> Version2Kilobits => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

    private static ReadOnlySpan<int> Rates => [44100, 48000, 32000];

    /// <param name="frame">Begins with the sync word. Layer III only.</param>
    public static bool TryParse(ReadOnlySpan<byte> frame, out Mp3FrameHeader header)
    {
        header = default;
        if (frame.Length < 4 || frame[0] != 0xFF || (frame[1] & 0xE0) != 0xE0)
        {
            return false;
        }

        var version = (frame[1] >> 3) & 3;
        var bitrateIndex = frame[2] >> 4;
        var rateIndex = (frame[2] >> 2) & 3;
        if (version == 1 || ((frame[1] >> 1) & 3) != Layer3 || bitrateIndex == 15 || rateIndex == 3)
        {
            return false;
        }

        var rate = Rates[rateIndex] >> (version == Version1 ? 0 : version == Version2 ? 1 : 2);
        var bitrate = 1000 * (version == Version1 ? Version1Kilobits : Version2Kilobits)[bitrateIndex];
        var samples = version == Version1 ? 1152 : 576;
        var padding = (frame[2] >> 1) & 1;
        header = new Mp3FrameHeader(rate, frame[3] >> 6 == 3 ? 1 : 2, bitrate, samples, bitrate == 0 ? 0 : (samples / 8 * bitrate / rate) + padding);
        return true;
    }
}

/// <summary>syncinfo and the start of bsi of AC-3 and E-AC-3 (ETSI TS 102 366 §4.3, annex E).</summary>
/// <param name="Channels">With LFE.</param>
public readonly record struct Ac3FrameHeader(int SampleRate, int Channels, bool IsEnhanced)
{
    private const ushort SyncWord = 0x0B77;

    private static ReadOnlySpan<int> Rates => [48000, 44100, 32000];

    private static ReadOnlySpan<byte> ModeChannels => [2, 1, 2, 3, 3, 4, 4, 5];

    public static bool TryParse(ReadOnlySpan<byte> frame, out Ac3FrameHeader header)
    {
        header = default;
        if (frame.Length < 8 || BinaryPrimitives.ReadUInt16BigEndian(frame) != SyncWord)
        {
            return false;
        }

        // bsid stands at the same place in both (annex E.2.3.1.6).
        var bsid = frame[5] >> 3;
        var isEnhanced = bsid is > 10 and <= 16;
        if (bsid > 16)
        {
            return false;
        }

        var bits = new BitReader(frame[2..]);
        int rate;
        int mode;
        if (isEnhanced)
        {
            bits.Skip(16);
            var code = (int)bits.ReadBits(2);
            var second = (int)bits.ReadBits(2);
            rate = code < 3 ? Rates[code] : second < 3 ? Rates[second] / 2 : 0;
            mode = (int)bits.ReadBits(3);
        }
        else
        {
            bits.Skip(16);
            var code = (int)bits.ReadBits(2);
            rate = code < 3 ? Rates[code] : 0;
            bits.Skip(14);
            mode = (int)bits.ReadBits(3);
            bits.Skip((mode & 1) != 0 && mode != 1 ? 2 : 0);
            bits.Skip((mode & 4) != 0 ? 2 : 0);
            bits.Skip(mode == 2 ? 2 : 0);
        }

        header = new Ac3FrameHeader(rate, ModeChannels[mode] + (bits.ReadFlag() ? 1 : 0), isEnhanced);
        return rate != 0;
    }
}
