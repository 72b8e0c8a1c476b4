using System.Diagnostics.CodeAnalysis;

namespace Transcoder.Media.Bitstreams;

/// <summary>av1C: AV1CodecConfigurationRecord (AV1 in ISOBMFF §2.3).</summary>
/// <param name="Obus">configOBUs: the sequence header and perhaps metadata; some writers leave it empty.</param>
/// <param name="SequenceHeader">Null where the record holds none.</param>
public sealed record Av1ConfigurationRecord(int Profile, int Level, int Tier, int BitDepth, bool IsMonochrome, ReadOnlyMemory<byte> Obus, Av1SequenceHeader? SequenceHeader)
{
    private const int HeaderSize = 4;

    public static bool TryParse(ReadOnlySpan<byte> record, [NotNullWhen(true)] out Av1ConfigurationRecord? configuration)
    {
        configuration = null;
        if (record.Length < HeaderSize || record[0] != 0x81)
        {
            return false;
        }

        var depth = (record[2] & 0x40) == 0 ? 8 : (record[2] & 0x20) == 0 ? 10 : 12;
        configuration = new Av1ConfigurationRecord(
            record[1] >> 5,
            record[1] & 0x1F,
            record[2] >> 7,
            depth,
            (record[2] & 0x10) != 0,
            record[HeaderSize..].ToArray(),
            TryFindSequenceHeader(record[HeaderSize..], out var header, out _) ? header : null);
        return true;
    }

    /// <summary>A record from a sequence header OBU, or from anything that holds one: an encoder's extradata, a temporal unit.</summary>
    /// <returns>Empty where no sequence header can be read.</returns>
    public static byte[] FromObus(ReadOnlySpan<byte> obus)
    {
        if (!TryFindSequenceHeader(obus, out var header, out var payload))
        {
            return [];
        }

        // Written anew with a size: the record asks for has_size_field, and the last OBU of a unit may lack it (§2.3.4).
        var sizeBytes = payload.Length < 0x80 ? 1 : 2;
        if (payload.Length >= 0x4000)
        {
            return [];
        }

        var record = new byte[HeaderSize + 1 + sizeBytes + payload.Length];
        record[0] = 0x81;
        record[1] = (byte)(header.Profile << 5 | header.Level);
        record[2] = (byte)(header.Tier << 7 | (header.BitDepth > 8 ? 0x40 : 0) | (header.BitDepth == 12 ? 0x20 : 0) | (header.IsMonochrome ? 0x10 : 0) |
            header.SubsamplingX << 3 | header.SubsamplingY << 2 | header.ChromaSamplePosition);
        record[4] = Av1Obus.SequenceHeader << 3 | 0x02;
        record[5] = (byte)(sizeBytes == 1 ? payload.Length : payload.Length & 0x7F | 0x80);
        if (sizeBytes == 2)
        {
            record[6] = (byte)(payload.Length >> 7);
        }

        payload.CopyTo(record.AsSpan(HeaderSize + 1 + sizeBytes));
        return record;
    }

    private static bool TryFindSequenceHeader(ReadOnlySpan<byte> obus, out Av1SequenceHeader header, out ReadOnlySpan<byte> payload)
    {
        foreach (var obu in Av1Obus.In(obus))
        {
            if (obu.Type == Av1Obus.SequenceHeader && Av1SequenceHeader.TryParse(obu.Payload, out header))
            {
                payload = obu.Payload;
                return true;
            }
        }

        header = default;
        payload = default;
        return false;
    }
}
