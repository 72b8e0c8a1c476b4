using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Pipeline.Planning;

/// <summary>From an audio rung and the source's format to encoder settings; pure.</summary>
internal static class AudioPlanner
{
    // ISO/IEC 14496-3 table 1.18.
    private static readonly int[] AacRates = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000];

    // MPEG-1 layer III alone: FLV players know no others.
    private static readonly int[] Mp3Rates = [32000, 44100, 48000];

    // RFC 6716 §2: Opus works at 48 kHz whatever its input had.
    private static readonly int[] OpusRates = [48000];

    public static AudioEncoderSettings Settle(AudioSpec spec, AudioFormat source)
    {
        var rates = spec.Codec switch
        {
            CodecId.Aac => AacRates,
            CodecId.Mp3 => Mp3Rates,
            CodecId.Opus => OpusRates,
            _ => null,
        };
        var asked = spec.SampleRate > 0 ? spec.SampleRate : source.SampleRate;
        var channels = spec.Channels > 0 ? spec.Channels : Math.Clamp(source.Channels, 1, 2);
        return new AudioEncoderSettings(spec.Codec, spec.Bitrate, new AudioFormat(rates is null ? asked : Nearest(rates, asked), channels));
    }

    private static int Nearest(int[] rates, int asked)
    {
        // The next higher one loses nothing of the source; the highest where there is none.
        foreach (var rate in rates)
        {
            if (rate >= asked)
            {
                return rate;
            }
        }

        return rates[^1];
    }
}
