using Transcoder.Codecs.Devices.Cpu;
using Transcoder.Codecs.Native;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class EncoderTableTests
{
    public static TheoryData<string, string, RateControl, int> Choices
    {
        get
        {
            var choices = new TheoryData<string, string, RateControl, int>();
            foreach (var row in CpuEncoders.Video)
            {
                foreach (var preset in row.Words.Keys.Append(row.OwnPresets[0]))
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
        var row = CpuEncoders.Video.Single(r => r.Name == name);
        Assert.Equal(1, Shim.EncoderExists(name));
        var options = row.Options(Coding.Video(row.Codec, bFrames: bFrames) with { Preset = preset, RateControl = rateControl });

        Assert.All(options.Entries, entry => Assert.True(Shim.EncoderDeclares(name, entry.Key, Value(entry)) == 1, $"{name} {entry.Key}={entry.Value}"));
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
    [InlineData("libx264", "warp9", "", "")]
    [InlineData("libx264", "speed", "warp9", "")]
    [InlineData("libx264", "speed", "high:x=1", "")]
    [InlineData("libvpx-vp9", "speed", "", "film")]
    public void Words_that_the_encoder_does_not_know_are_refused_by_name(string name, string preset, string profile, string tune)
    {
        var row = CpuEncoders.Video.Single(r => r.Name == name);
        var settings = Coding.Video(row.Codec) with { Preset = preset, Profile = profile, Tune = tune };

        var refusal = Assert.Throws<CodecException>(() => Coding.Cpu.OpenVideoEncoder(settings).Dispose());

        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    private static string? Value(KeyValuePair<string, string> entry) => entry.Key == "flags" ? null : entry.Value;
}
