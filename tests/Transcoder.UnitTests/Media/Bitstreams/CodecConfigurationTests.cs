using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.UnitTests.Media.Bitstreams;

public sealed class CodecConfigurationTests
{
    private const string Hevc720 =
        "0101600000009000000000005DF000FCFDF8F800000F03A00001001840010C01FFFF01600000030090000003000003005D959809A10001002A4201010160000003009000" +
        "0003000003005DA00280802D16595 9A4932BC05A70800000030080 00000F04A2000100074401C172B46240";

    private const string Hevc130X98TenBit =
        "0102200000009000000000001EF000FCFDFAFA00000F03200001001840010C01FFFF02200000030090000003000003001E9598092100" +
        "01002B42010102200000030090000003000003001EA0112069C92365959A4932BC05A0200000030020000003032122000100074401C172B46240";

    private const string HevcRpsPrediction =
        "0000000140010C07FFFF016000000300900000030000 03003F0000994CE624C5812000000001420107016000000300900000030000 03003F0000A0073200AC72562665339893 17248A41D2474F3E3FC4FC" +
        "B3F9FB3CBFD7CC8792FF9FB3CBFD7C123A79F1FE27E53FCFDFCB3F5F321E4BFE7ECF2FF5F1FFE156815660 2000007D0000075301000000014401C114A1C2B4132400";

    /// <summary>Records of real streams, with the size and rate that FFmpeg's decoders report.</summary>
    public static TheoryData<CodecId, string, int, int, double> VideoRecords => new()
    {
        { CodecId.H264, "01640028FFE1001B67640028ACD980780227E5C04400000300040000 0301E03C60C66801000668E9785CB22CFDF8F800", 1920, 1080, 60 },
        { CodecId.H264, "0142C01EFFE1001B6742C01ED900A02FF97016E0C0C0C800001F480007530078B1724001000468CB8CB2", 640, 360, 30000 / 1001.0 },
        { CodecId.H264, "0164001EFFE1001C6764001EACD940843FE6966E0202028000000300 80015F90078B16CB01000668E BE3CB22C0FDF8F800", 518, 488, 0 },
        { CodecId.H264, "01F40016FFE1001A67F40016919B2816024D808800000300080000030010 78B16CB001000568EBE3C448", 704, 576, 1 },
        { CodecId.Hevc, Hevc720, 1280, 720, 30 },
        { CodecId.Hevc, Hevc130X98TenBit, 130, 98, 25 },
        { CodecId.Av1, "81040C000A0B00000024C6A9DE36BE4010", 853, 479, 0 },
        { CodecId.Av1, "81094C000A0E0000004AABBFC3776FE342440241", 1920, 1080, 0 },
        { CodecId.Av1, "811F4C00", 0, 0, 0 },
    };

    public static TheoryData<CodecId, string, int, int> AudioRecords => new()
    {
        { CodecId.Aac, "1210", 44100, 2 },
        { CodecId.Aac, "121056E500", 44100, 2 },
        { CodecId.Aac, "11B056E500", 48000, 6 },
        { CodecId.Aac, "2B8A080F", 44100, 1 },
        { CodecId.Aac, "139056E5A0", 44100, 2 },
        { CodecId.Aac, "138856E5A5 4880", 44100, 2 },
        { CodecId.Aac, "EB8A0800", 44100, 2 },
        { CodecId.Aac, "1780562210", 44100, 2 },
        { CodecId.Opus, "4F7075734865616401063 80180BB00000000010402000401020305", 48000, 6 },
        { CodecId.Opus, "4F707573486561640102380180BB0000000000", 48000, 2 },
        { CodecId.Flac, "664C614380000022100010000000000000000AC442F000000000000000000000000000000000000000000000", 44100, 2 },
    };

    [Theory]
    [MemberData(nameof(VideoRecords))]
    public void Size_and_rate_are_read_from_real_records(CodecId codec, string hex, int width, int height, double rate)
    {
        var format = CodecConfiguration.ReadVideoFormat(codec, Bytes(hex));
        Assert.Equal((width, height), (format.Width, format.Height));
        if (rate > 0)
        {
            Assert.Equal(rate, format.FrameRate, 0.02);
        }
    }

    [Theory]
    [MemberData(nameof(AudioRecords))]
    public void Rate_and_channels_are_read_from_real_records(CodecId codec, string hex, int rate, int channels) =>
        Assert.Equal(new AudioFormat(rate, channels), CodecConfiguration.ReadAudioFormat(codec, Bytes(hex)));

    [Fact]
    public void Damaged_records_yield_nothing_and_never_throw()
    {
        var random = new Random(2);
        foreach (var codec in Enum.GetValues<CodecId>())
        {
            foreach (var hex in VideoRecords.Select(row => row.Data.Item2).Concat(AudioRecords.Select(row => row.Data.Item2)))
            {
                var whole = Bytes(hex);
                for (var length = 0; length <= whole.Length; length++)
                {
                    ReadAll(codec, whole.AsSpan(0, length));
                }

                for (var i = 0; i < 300; i++)
                {
                    var damaged = (byte[])whole.Clone();
                    for (var hit = random.Next(4); hit >= 0; hit--)
                    {
                        damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                    }

                    ReadAll(codec, damaged);
                }
            }
        }
    }

    [Fact]
    public void Avc_facts_and_record_come_from_parameter_sets()
    {
        var record = Bytes("01640028FFE1001B67640028ACD980780227E5C044000003000400000301E03C60C66801000668E9785CB22CFDF8F800");
        Assert.True(AvcConfigurationRecord.TryParse(record, out var avc));
        Assert.Equal((100, 40, 4), (avc.Profile, avc.Level, avc.LengthSize));
        byte[] annexB = [0, 0, 0, 1, .. avc.SequenceParameterSets[0], 0, 0, 1, .. avc.PictureParameterSets[0], 0, 0, 1, .. avc.PictureParameterSets[0]];
        Assert.Equal(record, AvcConfigurationRecord.FromAnnexB(annexB));
        Assert.Empty(AvcConfigurationRecord.FromAnnexB(annexB.AsSpan(0, 20)));
    }

    [Fact]
    public void Hevc_facts_and_record_come_from_parameter_sets()
    {
        var record = Bytes(Hevc130X98TenBit);
        Assert.True(HevcConfigurationRecord.TryParse(record, out var hevc));
        Assert.Equal((2, 30, 1, 10, 10, 4), (hevc.Profile, hevc.Level, hevc.ChromaFormat, hevc.BitDepthLuma, hevc.BitDepthChroma, hevc.LengthSize));
        byte[] annexB = [.. hevc.ParameterSets.SelectMany(nal => (byte[])[0, 0, 0, 1, .. nal])];
        var made = HevcConfigurationRecord.FromAnnexB(annexB);

        // x265 marks the arrays as perhaps incomplete; ours are complete.
        foreach (var position in new[] { 23, 52, 100 })
        {
            Assert.Equal(record[position] | 0x80, made[position]);
            made[position] = record[position];
        }

        Assert.Equal(record, made);

        // Sixteen that can't be read are all that a record holds.
        byte[] full = [.. Enumerable.Range(0x80, 16).SelectMany(static number => (byte[])[0, 0, 0, 1, 0x42, 1, (byte)number]), .. annexB];
        Assert.Empty(HevcConfigurationRecord.FromAnnexB(full));
    }

    [Fact]
    public void Hevc_timing_is_found_behind_predicted_reference_sets()
    {
        foreach (var nal in NalUnits.InAnnexB(Bytes(HevcRpsPrediction)))
        {
            if (HevcSequenceParameterSet.TryParse(nal, out var sps))
            {
                Assert.Equal((914, 686, 15.0), (sps.Width, sps.Height, Math.Round(sps.FrameRate, 1)));
                Assert.Equal(2740 / 2739.0, sps.SampleAspectRatio, 1e-6);
                return;
            }
        }

        Assert.Fail("no SPS");
    }

    [Theory]
    [InlineData("81040C000A0B00000024C6A9DE36BE4010")]
    [InlineData("81010C000A0B0000000C47FFFEFFFCC020")]
    public void Av1_record_is_made_from_the_sequence_header(string hex)
    {
        var record = Bytes(hex);
        Assert.Equal(record, Av1ConfigurationRecord.FromObus([0x12, 0x00, .. record.AsSpan(4)]));
        Assert.Empty(Av1ConfigurationRecord.FromObus(record.AsSpan(4, 8)));
    }

    [Fact]
    public void Vpx_records_and_frame_headers_are_read_and_made()
    {
        Assert.True(VpxConfigurationRecord.TryParse(Bytes("01000000001E800202020000"), out var vpx));
        Assert.Equal(new VpxConfigurationRecord(0, 30, 8, 0, false), vpx);
        Assert.Equal("01000000001E800202020000", Convert.ToHexString(vpx.Create()));
        var keyframe = Bytes("824983420035401DE60A38241C187C10");
        Assert.Equal(new VideoFormat(853, 479, 0), CodecConfiguration.ReadVideoFormatFromKeyframe(CodecId.Vp9, keyframe));
        Assert.Equal("01000000001E820202020000", Convert.ToHexString(VpxConfigurationRecord.FromKeyframe(CodecId.Vp9, keyframe, 30)));
        Assert.Equal(new VideoFormat(800, 332, 0), CodecConfiguration.ReadVideoFormatFromKeyframe(CodecId.Vp8, Bytes("D00F029D012A20034C010007")));
        Assert.False(NalUnits.IsKeyframe(CodecId.Vp9, Bytes("86004092F1113E")));
        Assert.True(NalUnits.IsKeyframe(CodecId.Vp9, keyframe));
    }

    [Theory]
    [InlineData(48000, 2, false, "1190")]
    [InlineData(44100, 6, false, "1230")]
    [InlineData(48000, 8, false, "11B8")]
    [InlineData(22050, 2, true, "139056E5A0")]
    [InlineData(47999, 2, false, "1780 5DBF 90")]
    public void Audio_specific_config_is_made_and_read_back(int rate, int channels, bool sbr, string expected)
    {
        var config = new AudioSpecificConfig(AudioSpecificConfig.AacLowComplexity, rate, channels, sbr, false, sbr ? 2 * rate : 0);
        Assert.Equal(Convert.ToHexString(Bytes(expected)), Convert.ToHexString(config.Create()));
        Assert.True(AudioSpecificConfig.TryParse(config.Create(), out var read));
        Assert.Equal(config, read);
        Assert.Equal(sbr ? 2048 : 1024, read.SamplesPerFrame);
    }

    [Fact]
    public void An_AAC_extension_of_more_than_twice_the_cores_rate_is_refused() =>
        Assert.False(AudioSpecificConfig.TryParse(Convert.FromHexString("EF800000EFFDFDFDFD00"), out _));

    [Theory]
    [InlineData(2, 312, "4F707573486561640102380180BB0000000000")]
    [InlineData(6, 312, "4F707573486561640106380180BB00000000010402000401020305")]
    public void Opus_head_is_made_as_ffmpeg_makes_it(int channels, int preSkip, string expected) =>
        Assert.Equal(expected, Convert.ToHexString(OpusHead.Create(channels, preSkip, 48000)));

    [Theory]
    [InlineData(CodecId.Mp3, "FFFB7044000C81", 44100, 2)]
    [InlineData(CodecId.Ac3, "0C7781A21C40EBF8403EFF74", 0, 0)]
    [InlineData(CodecId.Ac3, "0B7781A21C40EBF8403EFF74", 48000, 6)]
    [InlineData(CodecId.Eac3, "0B7701FF3F87C0002084", 48000, 6)]
    public void Frames_without_a_record_state_rate_and_channels(CodecId codec, string hex, int rate, int channels) =>
        Assert.Equal(new AudioFormat(rate, channels), CodecConfiguration.ReadAudioFormatFromFrame(codec, Bytes(hex)));

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    private static void ReadAll(CodecId codec, ReadOnlySpan<byte> bytes)
    {
        var format = CodecConfiguration.ReadVideoFormat(codec, bytes);
        Assert.InRange(format.Width, 0, 65536);
        Assert.InRange(format.Height, 0, 65536);
        _ = CodecConfiguration.ReadVideoFormatFromKeyframe(codec, bytes);
        _ = CodecConfiguration.ReadAudioFormat(codec, bytes);
        _ = CodecConfiguration.ReadAudioFormatFromFrame(codec, bytes);
        _ = CodecConfiguration.ReadLengthSize(codec, bytes);
        _ = NalUnits.IsKeyframe(codec, bytes);
        _ = VpxConfigurationRecord.TryParse(bytes, out _);
    }
}
