using System.Buffers;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.UnitTests.Media.Bitstreams;

public sealed class NalUnitsTests
{
    [Theory]
    [InlineData("0000000109F0 00000001 6764 000001 68EE 00000001 6588AA", true, "000000036588AA")]
    [InlineData("0000000109F0 00000001 6764 000001 68EE 00000001 6588AA", false, "0000000267640000000268EE000000036588AA")]
    [InlineData("FFFF 000001 4199 0000 000001 000001 4101", true, "0000000241990000000241 01")]
    [InlineData("000001", true, "")]
    [InlineData("6588AA", true, "")]
    [InlineData("", true, "")]
    public void Start_codes_become_lengths(string annexB, bool dropParameterSets, string expected)
    {
        var output = new ArrayBufferWriter<byte>();
        var written = AnnexB.ToLengthPrefixed(Bytes(annexB), output, CodecId.H264, dropParameterSets);
        Assert.Equal(expected.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexString(output.WrittenSpan));
        Assert.Equal(output.WrittenCount, written);
    }

    [Fact]
    public void Hevc_delimiters_and_parameter_sets_are_left_out_and_sei_stays()
    {
        var output = new ArrayBufferWriter<byte>();
        AnnexB.ToLengthPrefixed(Bytes("000001 460150 000001 4001AA 000001 4201AA 000001 4401AA 000001 4E01AA 000001 2601AA"), output, CodecId.Hevc, true);
        Assert.Equal("000000034E01AA000000032601AA", Convert.ToHexString(output.WrittenSpan));
    }

    [Theory]
    [InlineData(4, "00000002 6588 00000000 00000001 41", "0000000165880000000141")]
    [InlineData(2, "0002 6588 0001 41", "0000000165880000000141")]
    [InlineData(1, "02 6588 01 41", "0000000165880000000141")]
    [InlineData(4, "00000002 6588 FFFFFFFF 41", "000000016588")]
    [InlineData(4, "00000002 6588 0000", "000000016588")]
    public void Lengths_become_start_codes_and_a_damaged_rest_is_left_out(int lengthSize, string payload, string expected)
    {
        var output = new ArrayBufferWriter<byte>();
        AnnexB.FromLengthPrefixed(Bytes(payload), lengthSize, output);
        Assert.Equal(expected, Convert.ToHexString(output.WrittenSpan));
    }

    [Theory]
    [InlineData(CodecId.H264, "00000002 0605 00000002 6588", true)]
    [InlineData(CodecId.H264, "00000004 06060180 00000002 4188", false)] // a recovery point is no IDR
    [InlineData(CodecId.H264, "00000002 0605", false)]
    [InlineData(CodecId.H264, "00000009 65", false)]
    [InlineData(CodecId.Hevc, "00000002 2A01", true)] // CRA
    [InlineData(CodecId.Hevc, "00000002 4E01 00000002 2601", true)]
    [InlineData(CodecId.Hevc, "00000002 0201", false)]
    [InlineData(CodecId.Av1, "12000A0B00000024C6A9DE36BE4010320410000000", true)]
    [InlineData(CodecId.Av1, "3202 3000", false)]
    [InlineData(CodecId.Vp8, "D00F029D012A20034C010007", true)]
    [InlineData(CodecId.Vp8, "D10F02", false)]
    [InlineData(CodecId.Aac, "21", true)]
    public void Keyframes_are_found_inside_the_payload(CodecId codec, string payload, bool expected) =>
        Assert.Equal(expected, NalUnits.IsKeyframe(codec, Bytes(payload)));

    [Fact]
    public void Random_bytes_never_throw()
    {
        var random = new Random(3);
        var bytes = new byte[96];
        var output = new ArrayBufferWriter<byte>();
        for (var i = 0; i < 30_000; i++)
        {
            // Few values make start codes and short lengths likely.
            for (var j = 0; j < bytes.Length; j++)
            {
                bytes[j] = (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(4));
            }

            var span = bytes.AsSpan(0, random.Next(bytes.Length));
            output.ResetWrittenCount();
            AnnexB.ToLengthPrefixed(span, output, CodecId.Hevc, i % 2 == 0);
            AnnexB.FromLengthPrefixed(span, (i % 4) + 1, output);
            foreach (var codec in Enum.GetValues<CodecId>())
            {
                NalUnits.IsKeyframe(codec, span, (i % 4) + 1);
            }

            _ = AvcConfigurationRecord.FromAnnexB(span);
            _ = HevcConfigurationRecord.FromAnnexB(span);
            _ = Av1ConfigurationRecord.FromObus(span);
        }
    }

    [Fact]
    public void Bits_are_read_across_emulation_prevention_and_the_end()
    {
        var bits = new BitReader(Bytes("0000030180"), removeEmulationPrevention: true);
        Assert.Equal(0x000001u, bits.ReadBits(24));
        Assert.Equal(0u, bits.ReadUnsignedGolomb());
        Assert.False(bits.IsExhausted);
        Assert.Equal(0u, bits.ReadBits(32));
        Assert.True(bits.IsExhausted);
        var codes = new BitReader(Bytes("A64280"));
        Assert.Equal([0u, 1u, 2u, 3u], [codes.ReadUnsignedGolomb(), codes.ReadUnsignedGolomb(), codes.ReadUnsignedGolomb(), codes.ReadUnsignedGolomb()]);
        var signed = new BitReader(Bytes("4C8510"));
        Assert.Equal([1, -1, 2, -2], [signed.ReadSignedGolomb(), signed.ReadSignedGolomb(), signed.ReadSignedGolomb(), signed.ReadSignedGolomb()]);
    }

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
