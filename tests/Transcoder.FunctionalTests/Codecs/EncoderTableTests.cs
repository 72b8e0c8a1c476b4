using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Cpu;
using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Codecs.Devices.Qsv;
using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Codecs.Native;
using Transcoder.Host.Configuration;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class EncoderTableTests
{
    private static readonly VideoEncoderRow[] Rows = [.. CpuEncoders.Video, .. NvidiaEncoders.Video, .. VaapiEncoders.Intel, .. QsvEncoders.Video];

    public static TheoryData<string, string, RateControl, int> Choices
    {
        get
        {
            var choices = new TheoryData<string, string, RateControl, int>();
            foreach (var row in Rows.Where(r => r.IsInstalled || !r.IsOfLaterFFmpeg))
            {
                foreach (var preset in row.Words.Keys.Concat(row.OwnPresets.Take(1)))
                {
                    choices.Add(row.Name, preset, RateControl.Cbr, 0);
                    choices.Add(row.Name, preset, RateControl.Vbr, 2);
                }
            }

            return choices;
        }
    }

    [Theory]
    [MemberData(nameof(Choices))]
    public void Every_option_of_a_row_is_one_that_the_encoder_declares(string name, string preset, RateControl rateControl, int bFrames)
    {
        var row = Rows.Single(r => r.Name == name);
        Assert.Equal(1, Shim.EncoderExists(name));
        var options = row.Options(Coding.Video(row.Codec, bFrames: bFrames) with { Preset = preset, RateControl = rateControl });

        Assert.All(options.Entries, entry => Assert.True(Shim.EncoderDeclares(name, entry.Key, Value(entry)) == 1, $"{name} {entry.Key}={entry.Value}"));
    }

    [Fact]
    public void Every_row_asks_for_the_bitrate_the_buffer_the_gop_and_the_b_frames()
    {
        Assert.All(Rows.Where(r => r.Name is not "libsvtav1" and not "libvpx-vp9"), row =>
        {
            foreach (var rateControl in (RateControl[])[RateControl.Cbr, RateControl.Vbr])
            {
                var options = row.Options(Coding.Video(row.Codec, bFrames: 2) with { RateControl = rateControl, GopFrames = 77 }).Entries.ToDictionary();
                Assert.Equal("500000", options["maxrate"]);
                Assert.Equal("500000", options["bufsize"]);
                Assert.Equal("77", options["g"]);
                Assert.Equal("2", options["bf"]);
                Assert.Equal(row.Name.EndsWith("_qsv", StringComparison.Ordinal) && rateControl == RateControl.Vbr ? "490000" : "500000", options["b"]);
            }
        });
    }

    [Theory]
    [InlineData("h264_nvenc", "forced-idr=1", "delay=0", "bf=0", "zerolatency=1", "rc=cbr")]
    [InlineData("hevc_nvenc", "forced-idr=1", "delay=0", "bf=0", "zerolatency=1", "rc=cbr")]
    [InlineData("h264_vaapi", "async_depth=1", "bf=0", "rc_mode=CBR")]
    [InlineData("h264_qsv", "async_depth=1", "bf=0", "forced_idr=1", "look_ahead=0")]
    public void A_live_encoder_holds_nothing_back_and_its_keyframes_are_idrs(string name, params string[] expected)
    {
        var options = Rows.Single(r => r.Name == name).Options(Coding.Video(CodecId.H264));

        Assert.Empty(expected.Except(options.Entries.Select(entry => $"{entry.Key}={entry.Value}")));
    }

    /// <summary>The operator may write each of them for each codec, and doesn't know where it will be encoded.</summary>
    [Fact]
    public void Every_word_that_the_configuration_accepts_is_one_for_every_row()
    {
        foreach (var row in Rows.Concat(VaapiEncoders.Amd).Where(row => row.IsInstalled))
        {
            foreach (var settings in Spoken(row.Codec))
            {
                var options = row.Options(settings);
                Assert.All(options.Entries, entry => Assert.True(Shim.EncoderDeclares(row.Name, entry.Key, Value(entry)) == 1, $"{row.Name} {entry.Key}={entry.Value}"));
            }
        }
    }

    [Theory]
    [InlineData(CodecId.H264)]
    [InlineData(CodecId.Hevc)]
    [InlineData(CodecId.Vp9)]
    [InlineData(CodecId.Av1)]
    public void The_software_encoders_open_with_every_word(CodecId codec)
    {
        foreach (var settings in Spoken(codec))
        {
            using var encoder = Coding.Cpu.OpenVideoEncoder(settings);
            Assert.DoesNotContain("without", encoder.Description, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("veryfast", "preset=p1")]
    [InlineData("faster", "preset=p4")]
    [InlineData("placebo", "preset=p6")]
    public void A_word_of_another_encoder_is_the_nearest_of_the_three(string preset, string expected) =>
        Assert.Contains(expected, NvidiaEncoders.Video[0].Options(Coding.Video(CodecId.H264) with { Preset = preset }).ToString(), StringComparison.Ordinal);

    [Fact]
    public void What_an_encoder_has_not_is_left_out_and_said()
    {
        Assert.EndsWith(" (without tune film, which it has not)", NvidiaEncoders.Video[0].Options(Coding.Video(CodecId.H264) with { Tune = "film" }).ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("without", NvidiaEncoders.Video[0].Options(Coding.Video(CodecId.H264) with { Tune = "zerolatency" }).ToString(), StringComparison.Ordinal);
        var baseline = VaapiEncoders.Intel[0].Options(Coding.Video(CodecId.H264, bFrames: 2) with { Profile = "baseline" }).Entries.ToDictionary();
        Assert.Equal(("constrained_baseline", "0"), (baseline["profile"], baseline["bf"]));
    }

    /// <summary>Bit 0 of AMD's level says that the others count, bits 1 and 2 are the preset, 3 and 4 passes that cost time.</summary>
    [Theory]
    [InlineData("speed", 0)]
    [InlineData("balanced", 1)]
    [InlineData("quality", 2)]
    public void Amds_level_is_bits(string preset, int expected)
    {
        var level = int.Parse(VaapiEncoders.Amd[0].Options(Coding.Video(CodecId.H264) with { Preset = preset }).Entries.ToDictionary()["compression_level"], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(level == 0 ? expected == 0 : (level & 1) == 1 && level != 1);
        Assert.Equal((expected, 0), ((level >> 1) & 3, level >> 3));
    }

    [Fact]
    public void An_option_that_no_encoder_declares_is_noticed()
    {
        Assert.Equal(0, Shim.EncoderDeclares("libx264", "no-such-option", null));
        Assert.Equal(0, Shim.EncoderDeclares("libx264", "nal-hrd", "strange"));
        Assert.Equal(0, Shim.EncoderDeclares("libvpx-vp9", "cpu-used", "99"));
    }

    [Theory]
    [InlineData(CodecId.Aac)]
    [InlineData(CodecId.Opus)]
    public void Audio_rows_are_declared_too(CodecId codec)
    {
        var row = CpuEncoders.Audio.Single(r => r.Codec == codec);
        var options = row.Options(new AudioEncoderSettings(codec, 128_000, new AudioFormat(48000, 2)));

        Assert.All(options.Entries, entry => Assert.True(Shim.EncoderDeclares(row.Name, entry.Key, Value(entry)) == 1, $"{row.Name} {entry.Key}={entry.Value}"));
    }

    [Theory]
    [InlineData("libx264", "warp9", "")]
    [InlineData("libx264", "speed", "warp9")]
    [InlineData("libx264", "speed", "high:x=1")]
    [InlineData("h264_nvenc", "p3", "")]
    [InlineData("vp9_vaapi", "speed", "main")]
    public void Words_that_no_encoder_knows_are_refused_by_name(string name, string preset, string profile)
    {
        var row = Rows.Single(r => r.Name == name);
        var settings = Coding.Video(row.Codec) with { Preset = preset, Profile = profile };

        // The word is looked at before a driver is.
        var refusal = Assert.Throws<CodecException>(() => DeviceOf(name).OpenVideoEncoder(settings).Dispose());

        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<VideoEncoderSettings> Spoken(CodecId codec)
    {
        var plain = Coding.Video(codec);
        return [
            .. CodecWords.PresetsOf(codec).Select(preset => plain with { Preset = preset }),
            .. CodecWords.ProfilesOf(codec).Select(profile => plain with { Profile = profile, BFrames = 2 }),
            .. CodecWords.TunesOf(codec).Select(tune => plain with { Tune = tune }),
        ];
    }

    private static IDevice DeviceOf(string encoder) => encoder.Split('_')[^1] switch
    {
        "nvenc" => new NvidiaDevice("GPU-none"),
        "vaapi" => new VaapiDevice("none"),
        _ => Coding.Cpu,
    };

    private static string? Value(KeyValuePair<string, string> entry) => entry.Key == "flags" ? null : entry.Value;
}
