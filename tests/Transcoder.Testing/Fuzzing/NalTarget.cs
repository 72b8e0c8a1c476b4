using System.Buffers;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Fuzzing;

/// <summary>Access units and parameter sets: both forms of NAL units turn into each other, every unit lies inside the input, and the facts are within bounds.</summary>
internal static class NalTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 1000, static bytes =>
    {
        foreach (var codec in (ReadOnlySpan<CodecId>)[CodecId.H264, CodecId.Hevc])
        {
            var lengths = new ArrayBufferWriter<byte>();
            var written = AnnexB.ToLengthPrefixed(bytes, lengths, codec, dropParameterSets: false);
            Promise.Holds(written == lengths.WrittenCount, "another size than what was written");
            var codes = new ArrayBufferWriter<byte>();
            AnnexB.FromLengthPrefixed(lengths.WrittenSpan, 4, codes);
            var again = new ArrayBufferWriter<byte>();
            AnnexB.ToLengthPrefixed(codes.WrittenSpan, again, codec, dropParameterSets: false);
            Promise.Holds(again.WrittenSpan.SequenceEqual(lengths.WrittenSpan), "start codes and lengths do not turn into each other");
            for (var size = 1; size <= 4; size++)
            {
                _ = NalUnits.IsKeyframe(codec, bytes, size);
                Walk(bytes, size);
            }
        }

        foreach (var codec in Enum.GetValues<CodecId>())
        {
            _ = NalUnits.IsKeyframe(codec, bytes);
        }

        Obus(bytes);
        foreach (var nal in NalUnits.InAnnexB(bytes))
        {
            Facts(nal);
        }

        Facts(bytes);
        _ = Mp3FrameHeader.TryParse(bytes, out var mp3);
        Promise.Holds(mp3.FrameSize >= 0 && mp3.SampleRate >= 0, "a negative MP3 frame");
    });

    private static void Walk(byte[] bytes, int size)
    {
        var sum = 0;
        foreach (var nal in NalUnits.InLengthPrefixed(bytes, size))
        {
            Promise.Holds(!nal.IsEmpty, "an empty NAL unit");
            sum += size + nal.Length;
        }

        Promise.Holds(sum <= bytes.Length, "NAL units larger than their packet");
    }

    private static void Obus(byte[] bytes)
    {
        var sum = 0;
        foreach (var obu in Av1Obus.In(bytes))
        {
            Promise.Holds(obu.Payload.Length < obu.Bytes.Length, "an OBU without a header");
            sum += obu.Bytes.Length;
        }

        Promise.Holds(sum <= bytes.Length, "OBUs larger than their temporal unit");
    }

    private static void Facts(ReadOnlySpan<byte> nal)
    {
        if (AvcSequenceParameterSet.TryParse(nal, out var avc))
        {
            Promise.Holds(avc.Width is > 0 and <= 65536 && avc.Height is > 0 and <= 65536 && avc.FrameRate is >= 0 and <= 1000, "an H.264 SPS out of bounds");
            Promise.Holds(avc.SampleAspectRatio > 0 && double.IsFinite(avc.SampleAspectRatio), "a sample aspect ratio that is none");
        }

        if (HevcSequenceParameterSet.TryParse(nal, out var hevc))
        {
            Promise.Holds(hevc.Width is > 0 and <= 65536 && hevc.Height is > 0 and <= 65536 && hevc.FrameRate is >= 0 and <= 1000, "an HEVC SPS out of bounds");
            Promise.Holds(hevc.SampleAspectRatio > 0 && double.IsFinite(hevc.SampleAspectRatio), "a sample aspect ratio that is none");
            Promise.Holds(hevc.BitDepthLuma is >= 8 and <= 16 && hevc.BitDepthChroma is >= 8 and <= 16 && hevc.ChromaFormat is >= 0 and <= 3, "HEVC depth or chroma out of bounds");
        }

        if (Av1SequenceHeader.TryParse(nal, out var av1))
        {
            Promise.Holds(av1.Width is > 0 and <= 65536 && av1.Height is > 0 and <= 65536 && av1.FrameRate is >= 0 and <= 1000, "an AV1 sequence header out of bounds");
        }
    }
}
