using System.Buffers;
using System.Buffers.Binary;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>Between start codes (H.264 and HEVC annex B), as encoders give them, and lengths (ISO/IEC 14496-15), as packets hold them.</summary>
public static class AnnexB
{
    internal static ReadOnlySpan<byte> ShortStartCode => [0, 0, 1];

    private static ReadOnlySpan<byte> StartCode => [0, 0, 0, 1];

    /// <summary>
    /// Begins with a start code. A length of 1 and a first NAL unit cut to one byte look the same; no real stream has that, and a length of 256 to 511
    /// looks like the short start code, so ask only where the form is not known otherwise.
    /// </summary>
    public static bool IsAnnexB(ReadOnlySpan<byte> bytes) => bytes.StartsWith(StartCode) || bytes.StartsWith(ShortStartCode);

    /// <summary>Writes 4-byte lengths. Access unit delimiters are left out always, parameter sets where asked: they are in the configuration record.</summary>
    /// <returns>The bytes written.</returns>
    public static int ToLengthPrefixed(ReadOnlySpan<byte> annexB, IBufferWriter<byte> output, CodecId codec, bool dropParameterSets)
    {
        ArgumentNullException.ThrowIfNull(output);
        var written = 0;
        foreach (var nal in NalUnits.InAnnexB(annexB))
        {
            var type = NalUnits.Type(codec, nal);
            if (NalUnits.IsAccessUnitDelimiter(codec, type) || (dropParameterSets && NalUnits.IsParameterSet(codec, type)))
            {
                continue;
            }

            var target = output.GetSpan(4 + nal.Length);
            BinaryPrimitives.WriteInt32BigEndian(target, nal.Length);
            nal.CopyTo(target[4..]);
            output.Advance(4 + nal.Length);
            written += 4 + nal.Length;
        }

        return written;
    }

    /// <summary>Writes 4-byte start codes. A damaged rest is left out.</summary>
    /// <returns>The bytes written.</returns>
    public static int FromLengthPrefixed(ReadOnlySpan<byte> payload, int lengthSize, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var written = 0;
        foreach (var nal in NalUnits.InLengthPrefixed(payload, lengthSize))
        {
            written += Append(output, nal);
        }

        return written;
    }

    internal static int Append(IBufferWriter<byte> output, ReadOnlySpan<byte> nal)
    {
        var target = output.GetSpan(4 + nal.Length);
        StartCode.CopyTo(target);
        nal.CopyTo(target[4..]);
        output.Advance(4 + nal.Length);
        return 4 + nal.Length;
    }
}
