using Transcoder.Codecs.Libav;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices.Cpu;

/// <param name="SampleFormat">What the encoder takes; the shim interleaves the resampler's planar floats where it must.</param>
internal sealed record AudioEncoderRow(CodecId Codec, string Name, string SampleFormat, IReadOnlyList<string> Always)
{
    public EncoderOptions Options(AudioEncoderSettings settings)
    {
        var options = new EncoderOptions();
        options.Add(FormattableString.Invariant($"b={settings.Bitrate}"));
        foreach (var entry in Always)
        {
            options.Add(entry);
        }

        return options;
    }
}
