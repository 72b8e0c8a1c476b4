using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>avcC: AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1).</summary>
/// <param name="LengthSize">Bytes of the length before each NAL unit: 1, 2 or 4.</param>
public sealed record AvcConfigurationRecord(
    int Profile,
    int Compatibility,
    int Level,
    int LengthSize,
    IReadOnlyList<byte[]> SequenceParameterSets,
    IReadOnlyList<byte[]> PictureParameterSets)
{
    private const int MinSize = 7;

    /// <summary>Some encoders send the record before it is filled: without an SPS it is refused. What follows the PPS is not looked at.</summary>
    public static bool TryParse(ReadOnlySpan<byte> record, [NotNullWhen(true)] out AvcConfigurationRecord? configuration)
    {
        configuration = null;
        if (record.Length < MinSize || record[0] != 1)
        {
            return false;
        }

        // The value 2 (three bytes) is reserved.
        var lengthSize = (record[4] & 3) + 1;
        var position = 6;
        if (lengthSize == 3 || !TryReadNals(record, ref position, record[5] & 0x1F, out var sps) || sps.Count == 0 || position >= record.Length)
        {
            return false;
        }

        var ppsCount = record[position++];
        if (!TryReadNals(record, ref position, ppsCount, out var pps))
        {
            return false;
        }

        configuration = new AvcConfigurationRecord(record[1], record[2], record[3], lengthSize, sps, pps);
        return true;
    }

    /// <summary>The length size of a record, without reading the rest; 4 where it is too short to say.</summary>
    public static int ReadLengthSize(ReadOnlySpan<byte> record) => record.Length > 4 && (record[4] & 3) != 2 ? (record[4] & 3) + 1 : 4;

    /// <summary>A record with 4-byte lengths from an encoder's parameter sets behind start codes.</summary>
    /// <returns>Empty where there is no SPS that can be read, or no PPS.</returns>
    public static byte[] FromAnnexB(ReadOnlySpan<byte> parameterSets)
    {
        List<byte[]> sps = [];
        List<byte[]> pps = [];
        List<byte[]> extensions = [];
        foreach (var nal in NalUnits.InAnnexB(parameterSets))
        {
            var list = NalUnits.Type(CodecId.H264, nal) switch
            {
                AvcNal.Sps => sps,
                AvcNal.Pps => pps,
                AvcNal.SpsExtension => extensions,
                _ => null,
            };

            // An encoder that repeats its parameter sets must not fill the record with copies.
            if (list is not null && list.Count < (list == pps ? 255 : 31) && nal.Length <= ushort.MaxValue && !Contains(list, nal))
            {
                list.Add(nal.ToArray());
            }
        }

        if (sps.Count == 0 || pps.Count == 0 || !AvcSequenceParameterSet.TryParse(sps[0], out var facts))
        {
            return [];
        }

        using var record = new MemoryStream();
        record.Write([1, (byte)facts.Profile, (byte)facts.Constraints, (byte)facts.Level, 0xFF, (byte)(0xE0 | sps.Count)]);
        sps.ForEach(nal => ParameterSetSyntax.WriteNal(record, nal));
        record.WriteByte((byte)pps.Count);
        pps.ForEach(nal => ParameterSetSyntax.WriteNal(record, nal));
        if (facts.Profile is 100 or 110 or 122 or 144 or 244 or 44)
        {
            record.Write([
                (byte)(0xFC | facts.ChromaFormat), (byte)(0xF8 | (facts.BitDepthLuma - 8)), (byte)(0xF8 | (facts.BitDepthChroma - 8)), (byte)extensions.Count]);
            extensions.ForEach(nal => ParameterSetSyntax.WriteNal(record, nal));
        }

        return record.ToArray();
    }

    internal static bool Contains(List<byte[]> list, ReadOnlySpan<byte> nal)
    {
        foreach (var known in list)
        {
            if (nal.SequenceEqual(known))
            {
                return true;
            }
        }

        return false;
    }

    private static bool TryReadNals(ReadOnlySpan<byte> record, ref int position, int count, out List<byte[]> nals)
    {
        nals = new List<byte[]>(count);
        for (var i = 0; i < count; i++)
        {
            if (!ParameterSetSyntax.TryReadNal(record, ref position, out var nal))
            {
                return false;
            }

            if (!nal.IsEmpty)
            {
                nals.Add(nal.ToArray());
            }
        }

        return true;
    }
}
