using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>vpcC with its FullBox version and flags, as MP4 and Enhanced FLV carry it (VP codec ISO media file format binding §"VP Codec Configuration Box").</summary>
/// <param name="Level">Ten times the level; 0 unknown.</param>
/// <param name="ChromaSubsampling">0 4:2:0 vertical, 1 4:2:0 collocated, 2 4:2:2, 3 4:4:4.</param>
/// <param name="ColourPrimaries">ITU-T H.273; 2 is unspecified.</param>
public readonly record struct VpxConfigurationRecord(
    int Profile,
    int Level,
    int BitDepth,
    int ChromaSubsampling,
    bool IsFullRange,
    int ColourPrimaries = VpxConfigurationRecord.Unspecified,
    int TransferCharacteristics = VpxConfigurationRecord.Unspecified,
    int MatrixCoefficients = VpxConfigurationRecord.Unspecified)
{
    private const int Unspecified = 2;
    private const int Size = 12;

    // Level by luma picture size and by luma samples a second (VP9 levels, WebM project); 10 to 62.
    private static readonly (int Level, long Picture, long Rate)[] Levels =
    [
        (10, 36_864, 829_440), (11, 73_728, 2_764_800), (20, 122_880, 4_608_000), (21, 245_760, 9_216_000), (30, 552_960, 20_736_000),
        (31, 983_040, 36_864_000), (40, 2_228_224, 83_558_400), (41, 2_228_224, 160_432_128), (50, 8_912_896, 311_951_360),
        (51, 8_912_896, 588_251_136), (52, 8_912_896, 1_176_502_272), (60, 35_651_584, 1_176_502_272), (61, 35_651_584, 2_353_004_544),
        (62, 35_651_584, 4_706_009_088),
    ];

    public static bool TryParse(ReadOnlySpan<byte> record, out VpxConfigurationRecord configuration)
    {
        configuration = default;
        if (record.Length < Size || record[0] != 1 || record[6] >> 4 is not (8 or 10 or 12))
        {
            return false;
        }

        configuration = new VpxConfigurationRecord(
            record[4], record[5], record[6] >> 4, (record[6] >> 1) & 7, (record[6] & 1) != 0, record[7], record[8], record[9]);
        return true;
    }

    public byte[] Create()
    {
        byte[] record =
        [
            1, 0, 0, 0, (byte)Profile, (byte)Level, (byte)(BitDepth << 4 | ChromaSubsampling << 1 | (IsFullRange ? 1 : 0)),
            (byte)ColourPrimaries, (byte)TransferCharacteristics, (byte)MatrixCoefficients, 0, 0,
        ];
        return record;
    }

    /// <summary>The record for an encoder's first key frame, since libvpx gives none.</summary>
    /// <returns>Empty where the frame is no key frame that can be read.</returns>
    public static byte[] FromKeyframe(CodecId codec, ReadOnlySpan<byte> frame, double frameRate)
    {
        if (codec == CodecId.Vp9)
        {
            return Vp9FrameHeader.TryParse(frame, out var vp9) && vp9.IsKeyframe
                ? new VpxConfigurationRecord(vp9.Profile, LevelFor(vp9.Width, vp9.Height, frameRate), vp9.BitDepth, vp9.ChromaSubsampling, vp9.IsFullRange).Create()
                : [];
        }

        return Vp8FrameHeader.TryParse(frame, out var vp8) && vp8.IsKeyframe
            ? new VpxConfigurationRecord(vp8.Version, 0, 8, 0, false).Create()
            : [];
    }

    public static int LevelFor(int width, int height, double frameRate)
    {
        var picture = (long)width * height;
        foreach (var (level, maxPicture, maxRate) in Levels)
        {
            if (picture <= maxPicture && picture * frameRate <= maxRate)
            {
                return level;
            }
        }

        return 0;
    }
}
