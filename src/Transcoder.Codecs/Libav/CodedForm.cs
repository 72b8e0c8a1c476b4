using System.Buffers;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Libav;

/// <summary>From the forms FFmpeg uses (annex B, temporal delimiters) to the house's. Keeps one buffer: a result is valid until the next call.</summary>
internal sealed class CodedForm(CodecId codec)
{
    private readonly ArrayBufferWriter<byte> _buffer = new(64 * 1024);

    public static ReadOnlyMemory<byte> Configuration(CodecId codec, ReadOnlySpan<byte> extradata, VideoFormat video) => codec switch
    {
        CodecId.H264 => AnnexB.IsAnnexB(extradata) ? AvcConfigurationRecord.FromAnnexB(extradata) : extradata.ToArray(),
        CodecId.Hevc => AnnexB.IsAnnexB(extradata) ? HevcConfigurationRecord.FromAnnexB(extradata) : extradata.ToArray(),

        // av1C begins with marker and version, 0x81; a sequence header OBU never does (its forbidden bit would be set).
        CodecId.Av1 => extradata.Length > 0 && extradata[0] != 0x81 ? Av1ConfigurationRecord.FromObus(extradata) : extradata.ToArray(),
        CodecId.Vp9 => extradata.IsEmpty
            ? new VpxConfigurationRecord(0, VpxConfigurationRecord.LevelFor(video.Width, video.Height, video.FrameRate), 8, 1, IsFullRange: false).Create()
            : extradata.ToArray(),
        CodecId.Vp8 or CodecId.Mpeg2Video => ReadOnlyMemory<byte>.Empty,
        _ => extradata.ToArray(),
    };

    public ReadOnlySpan<byte> Convert(ReadOnlySpan<byte> unit)
    {
        switch (codec)
        {
            case CodecId.H264 or CodecId.Hevc:
                _buffer.ResetWrittenCount();
                AnnexB.ToLengthPrefixed(unit, _buffer, codec, dropParameterSets: true);
                return _buffer.WrittenSpan;

            // Temporal delimiters are to be left out (AV1-ISOBMFF 2.4): an OBU of type 2 with its size field, 12 00.
            case CodecId.Av1:
                return unit is [0x12, 0x00, ..] ? unit[2..] : unit;

            default:
                return unit;
        }
    }
}
