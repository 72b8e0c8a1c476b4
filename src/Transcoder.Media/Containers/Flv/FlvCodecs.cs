using Transcoder.Media.Tracks;

namespace Transcoder.Media.Containers.Flv;

/// <summary>Codec numbers (FLV 10.1) and FourCCs (E-RTMP v2), which are also the numbers of videocodecid and audiocodecid in onMetaData.</summary>
public static class FlvCodecs
{
    public const int LegacyAvc = 7;
    public const int LegacyHevc = 12;
    public const int LegacyAv1 = 13;
    public const int LegacyMp3 = 2;
    public const int LegacyAac = 10;
    public const int LegacyMp3At8KHz = 14;

    private const uint Avc1 = 0x61766331;
    private const uint Hvc1 = 0x68766331;
    private const uint Av01 = 0x61763031;
    private const uint Vp09 = 0x76703039;
    private const uint Vp08 = 0x76703038;
    private const uint Mp4a = 0x6D703461;
    private const uint Mp3 = 0x2E6D7033;
    private const uint Opus = 0x4F707573;
    private const uint Flac = 0x664C6143;
    private const uint Ac3 = 0x61632D33;
    private const uint Eac3 = 0x65632D33;

    /// <summary>The FourCC as a big-endian number; 0 where Enhanced RTMP has none.</summary>
    public static uint FourCc(CodecId codec) => codec switch
    {
        CodecId.H264 => Avc1,
        CodecId.Hevc => Hvc1,
        CodecId.Av1 => Av01,
        CodecId.Vp9 => Vp09,
        CodecId.Vp8 => Vp08,
        CodecId.Aac => Mp4a,
        CodecId.Mp3 => Mp3,
        CodecId.Opus => Opus,
        CodecId.Flac => Flac,
        CodecId.Ac3 => Ac3,
        CodecId.Eac3 => Eac3,
        _ => 0,
    };

    /// <summary>The number that onMetaData states: legacy where there is one, else the FourCC; 0 where FLV cannot carry the codec.</summary>
    public static uint MetadataNumber(CodecId codec) => codec switch
    {
        CodecId.H264 => LegacyAvc,
        CodecId.Aac => LegacyAac,
        CodecId.Mp3 => LegacyMp3,
        _ => FourCc(codec),
    };

    /// <param name="number">A legacy codec number or a FourCC.</param>
    public static CodecId Video(uint number) => number switch
    {
        LegacyAvc or Avc1 => CodecId.H264,
        LegacyHevc or Hvc1 => CodecId.Hevc,
        LegacyAv1 or Av01 => CodecId.Av1,
        Vp09 => CodecId.Vp9,
        Vp08 => CodecId.Vp8,
        _ => CodecId.None,
    };

    /// <param name="number">A legacy sound format or a FourCC.</param>
    public static CodecId Audio(uint number) => number switch
    {
        LegacyAac or Mp4a => CodecId.Aac,
        LegacyMp3 or LegacyMp3At8KHz or Mp3 => CodecId.Mp3,
        Opus => CodecId.Opus,
        Flac => CodecId.Flac,
        Ac3 => CodecId.Ac3,
        Eac3 => CodecId.Eac3,
        _ => CodecId.None,
    };

    /// <summary>For a reason: what a number means that the house cannot name.</summary>
    public static string VideoName(uint number) => number switch
    {
        2 => "Sorenson H.263",
        3 or 6 => "Screen Video",
        4 or 5 => "VP6",
        _ => Spelled(number),
    };

    /// <summary>The same for sound.</summary>
    public static string AudioName(uint number) => number switch
    {
        0 or 3 => "PCM",
        1 => "ADPCM",
        4 or 5 or 6 => "Nellymoser",
        7 or 8 => "G.711",
        11 => "Speex",
        _ => Spelled(number),
    };

    private static string Spelled(uint number)
    {
        Span<char> letters = [(char)(number >> 24), (char)((number >> 16) & 0xFF), (char)((number >> 8) & 0xFF), (char)(number & 0xFF)];
        return letters.ContainsAnyExceptInRange(' ', '~') ? $"codec number {number}" : letters.ToString();
    }

    /// <summary>These carry a composition time in front of each coded frame (E-RTMP v2, "ExVideoTagBody").</summary>
    internal static bool HasCompositionTime(CodecId codec, uint number) => codec is CodecId.H264 or CodecId.Hevc || number == Vvc1;

    private const uint Vvc1 = 0x76766331;
}
