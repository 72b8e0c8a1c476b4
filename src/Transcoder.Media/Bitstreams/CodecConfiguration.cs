using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>Reads the facts of a track out of its configuration record. Every input is hostile: damage yields the default value, never an exception.</summary>
public static class CodecConfiguration
{
    private const int FlacStreamInfoSize = 34;
    private const int FlacBlockHeaderSize = 4;

    /// <summary>Size (cropped) and, where the bitstream states one, frame rate. vpcC states neither: <see cref="ReadVideoFormatFromKeyframe"/>.</summary>
    public static VideoFormat ReadVideoFormat(CodecId codec, ReadOnlySpan<byte> config)
    {
        switch (codec)
        {
            case CodecId.H264:
                return AvcConfigurationRecord.TryParse(config, out var avc) && AvcSequenceParameterSet.TryParse(avc.SequenceParameterSets[0], out var avcSps)
                    ? new VideoFormat(avcSps.Width, avcSps.Height, avcSps.FrameRate)
                    : default;
            case CodecId.Hevc:
                if (HevcConfigurationRecord.TryParse(config, out var hevc))
                {
                    foreach (var nal in hevc.ParameterSets)
                    {
                        if (HevcSequenceParameterSet.TryParse(nal, out var sps))
                        {
                            return new VideoFormat(sps.Width, sps.Height, sps.FrameRate);
                        }
                    }
                }

                return default;
            case CodecId.Av1:
                return Av1ConfigurationRecord.TryParse(config, out var av1) && av1.SequenceHeader is { } header
                    ? new VideoFormat(header.Width, header.Height, header.FrameRate)
                    : default;
            default:
                return default;
        }
    }

    /// <summary>Size from a key frame, for codecs whose record does not state it, or whose sender left it empty.</summary>
    public static VideoFormat ReadVideoFormatFromKeyframe(CodecId codec, ReadOnlySpan<byte> payload)
    {
        switch (codec)
        {
            case CodecId.Vp9:
                return Vp9FrameHeader.TryParse(payload, out var vp9) ? new VideoFormat(vp9.Width, vp9.Height, 0) : default;
            case CodecId.Vp8:
                return Vp8FrameHeader.TryParse(payload, out var vp8) ? new VideoFormat(vp8.Width, vp8.Height, 0) : default;
            case CodecId.Av1:
                return ReadVideoFormat(codec, Av1ConfigurationRecord.FromObus(payload));
            default:
                return default;
        }
    }

    /// <summary>Rate and channels as a decoder will give them: behind SBR and parametric stereo where these are signalled.</summary>
    public static AudioFormat ReadAudioFormat(CodecId codec, ReadOnlySpan<byte> config)
    {
        switch (codec)
        {
            case CodecId.Aac:
                return AudioSpecificConfig.TryParse(config, out var aac) ? new AudioFormat(aac.OutputSampleRate, aac.OutputChannels) : default;
            case CodecId.Opus:
                return OpusHead.TryParse(config, out var opus) ? new AudioFormat(OpusHead.SampleRate, opus.Channels) : default;
            case CodecId.Flac:
                return ReadFlac(config);
            default:
                return default;
        }
    }

    /// <summary>Rate and channels from a frame, for codecs that have no record.</summary>
    public static AudioFormat ReadAudioFormatFromFrame(CodecId codec, ReadOnlySpan<byte> payload)
    {
        switch (codec)
        {
            case CodecId.Mp3:
                return Mp3FrameHeader.TryParse(payload, out var mp3) ? new AudioFormat(mp3.SampleRate, mp3.Channels) : default;
            case CodecId.Ac3 or CodecId.Eac3:
                return Ac3FrameHeader.TryParse(payload, out var ac3) ? new AudioFormat(ac3.SampleRate, ac3.Channels) : default;
            default:
                return default;
        }
    }

    /// <summary>The size of the length before each NAL unit of a track's packets; 4 where the codec has none.</summary>
    public static int ReadLengthSize(CodecId codec, ReadOnlySpan<byte> config) => codec switch
    {
        CodecId.H264 => AvcConfigurationRecord.ReadLengthSize(config),
        CodecId.Hevc => HevcConfigurationRecord.ReadLengthSize(config),
        _ => 4,
    };

    /// <summary>STREAMINFO (RFC 9639 §8.2), bare as FFmpeg has it or behind "fLaC" and the block header as Enhanced RTMP has it.</summary>
    private static AudioFormat ReadFlac(ReadOnlySpan<byte> config)
    {
        if (config.StartsWith("fLaC"u8))
        {
            config = config[Math.Min(config.Length, 4 + FlacBlockHeaderSize)..];
        }

        if (config.Length < FlacStreamInfoSize)
        {
            return default;
        }

        var bits = new BitReader(config[10..]);
        var rate = (int)bits.ReadBits(20);
        var channels = (int)bits.ReadBits(3) + 1;
        return rate == 0 ? default : new AudioFormat(rate, channels);
    }
}
