using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>hvcC: HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1).</summary>
/// <param name="LengthSize">Bytes of the length before each NAL unit: 1, 2 or 4.</param>
/// <param name="ParameterSets">VPS, SPS, PPS and SEI in the record's order; the first SPS is the one that counts.</param>
public sealed record HevcConfigurationRecord(
    int Profile,
    bool IsHighTier,
    int Level,
    int ChromaFormat,
    int BitDepthLuma,
    int BitDepthChroma,
    int LengthSize,
    IReadOnlyList<byte[]> ParameterSets)
{
    private const int HeaderSize = 23;

    // Arbitrary: real records hold three to six; keeps a hostile one from becoming 65535 arrays.
    private const int MaxNals = 64;

    /// <summary>A record without an SPS is refused.</summary>
    public static bool TryParse(ReadOnlySpan<byte> record, [NotNullWhen(true)] out HevcConfigurationRecord? configuration)
    {
        configuration = null;

        // Version 0 is written by old encoders that followed a draft.
        if (record.Length < HeaderSize || record[0] > 1 || (record[21] & 3) == 2)
        {
            return false;
        }

        List<byte[]> nals = [];
        var hasSps = false;
        var position = HeaderSize;
        for (var arrays = record[22]; arrays > 0; arrays--)
        {
            if (record.Length - position < 3)
            {
                return false;
            }

            var type = record[position] & 0x3F;
            var count = record[position + 1] << 8 | record[position + 2];
            position += 3;
            for (var i = 0; i < count; i++)
            {
                if (nals.Count >= MaxNals || !ParameterSetSyntax.TryReadNal(record, ref position, out var nal))
                {
                    return false;
                }

                if (!nal.IsEmpty)
                {
                    hasSps |= type == HevcNal.Sps;
                    nals.Add(nal.ToArray());
                }
            }
        }

        if (!hasSps)
        {
            return false;
        }

        configuration = new HevcConfigurationRecord(
            record[1] & 0x1F, (record[1] & 0x20) != 0, record[12], record[16] & 3, (record[17] & 7) + 8, (record[18] & 7) + 8, (record[21] & 3) + 1, nals);
        return true;
    }

    /// <summary>The length size of a record, without reading the rest; 4 where it is too short to say.</summary>
    public static int ReadLengthSize(ReadOnlySpan<byte> record) => record.Length > 21 && (record[21] & 3) != 2 ? (record[21] & 3) + 1 : 4;

    /// <summary>A record with 4-byte lengths from an encoder's parameter sets behind start codes.</summary>
    /// <returns>Empty where VPS, PPS or an SPS that can be read is missing.</returns>
    public static byte[] FromAnnexB(ReadOnlySpan<byte> parameterSets)
    {
        List<byte[]>[] lists = [[], [], []];
        HevcSequenceParameterSet? facts = null;
        foreach (var nal in NalUnits.InAnnexB(parameterSets))
        {
            var type = NalUnits.Type(CodecId.Hevc, nal);
            if (!NalUnits.IsParameterSet(CodecId.Hevc, type) || nal.Length > ushort.MaxValue)
            {
                continue;
            }

            var list = lists[type - HevcNal.Vps];
            if (list.Count == MaxNals / 4 || AvcConfigurationRecord.Contains(list, nal))
            {
                continue;
            }

            // The facts are those of an SPS that the record holds.
            list.Add(nal.ToArray());
            if (type == HevcNal.Sps && facts is null)
            {
                HevcSequenceParameterSet.TryParse(nal, out facts);
            }
        }

        if (facts is null || lists[0].Count == 0 || lists[2].Count == 0)
        {
            return [];
        }

        using var record = new MemoryStream();
        record.WriteByte(1);
        record.Write(facts.ProfileTierLevel.Span);

        // min_spatial_segmentation and parallelismType 0: unknown; avgFrameRate and constantFrameRate 0: unspecified.
        record.Write([0xF0, 0, 0xFC, (byte)(0xFC | facts.ChromaFormat), (byte)(0xF8 | (facts.BitDepthLuma - 8)), (byte)(0xF8 | (facts.BitDepthChroma - 8)), 0, 0]);
        record.WriteByte((byte)(facts.TemporalLayers << 3 | (facts.IsTemporalIdNested ? 4 : 0) | 3));
        record.WriteByte((byte)lists.Length);
        for (var i = 0; i < lists.Length; i++)
        {
            // array_completeness: hvc1 has no parameter sets in the stream (§8.4.1.1.2).
            record.Write([(byte)(0x80 | (HevcNal.Vps + i)), 0, (byte)lists[i].Count]);
            lists[i].ForEach(nal => ParameterSetSyntax.WriteNal(record, nal));
        }

        return record.ToArray();
    }
}
