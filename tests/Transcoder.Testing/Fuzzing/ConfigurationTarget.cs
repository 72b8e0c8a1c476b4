using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Fuzzing;

/// <summary>The same bytes as every codec's configuration record: facts within bounds, and what can be written is read back as it was.</summary>
internal static class ConfigurationTarget
{
    private static readonly CodecId[] Codecs = Enum.GetValues<CodecId>();

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 1000, static bytes =>
    {
        foreach (var codec in Codecs)
        {
            Facts(CodecConfiguration.ReadVideoFormat(codec, bytes));
            Facts(CodecConfiguration.ReadVideoFormatFromKeyframe(codec, bytes));
            Facts(CodecConfiguration.ReadAudioFormat(codec, bytes));
            Facts(CodecConfiguration.ReadAudioFormatFromFrame(codec, bytes));
            Promise.Holds(CodecConfiguration.ReadLengthSize(codec, bytes) is 1 or 2 or 4, "a length size of three");
        }

        Avc(bytes);
        Hevc(bytes);
        Av1(bytes);
        Vpx(bytes);
        Aac(bytes);
        Opus(bytes);
    });

    private static void Facts(VideoFormat format)
    {
        Promise.Holds(format.Width is >= 0 and <= 65536 && format.Height is >= 0 and <= 65536, $"{format.Width}x{format.Height}");
        Promise.Holds(format.FrameRate is >= 0 and <= 1000, $"{format.FrameRate} frames a second");
    }

    private static void Facts(AudioFormat format) =>
        Promise.Holds(format.SampleRate is >= 0 and < 1 << 24 && format.Channels is >= 0 and <= 255, $"{format.SampleRate} Hz, {format.Channels} channels");

    private static void Avc(byte[] bytes)
    {
        if (!AvcConfigurationRecord.TryParse(bytes, out var record))
        {
            return;
        }

        Promise.Holds(record.SequenceParameterSets.Count is > 0 and <= 31 && record.PictureParameterSets.Count <= 255, "a number of parameter sets that no record has");
        Promise.Holds(AvcConfigurationRecord.ReadLengthSize(bytes) == record.LengthSize, "two length sizes");
        var again = AvcConfigurationRecord.FromAnnexB(Joined([.. record.SequenceParameterSets, .. record.PictureParameterSets]));
        Promise.Holds(again.Length == 0 || AvcConfigurationRecord.TryParse(again, out _), "our avcC is not read");
        Promise.Holds(again.Length == 0 || CodecConfiguration.ReadVideoFormat(CodecId.H264, again).Width > 0, "our avcC has no size");
    }

    private static void Hevc(byte[] bytes)
    {
        if (!HevcConfigurationRecord.TryParse(bytes, out var record))
        {
            return;
        }

        Promise.Holds(record.ParameterSets.Count is > 0 and <= 64, "a number of parameter sets that no record has");
        Promise.Holds(HevcConfigurationRecord.ReadLengthSize(bytes) == record.LengthSize, "two length sizes");
        var again = HevcConfigurationRecord.FromAnnexB(Joined(record.ParameterSets));
        Promise.Holds(again.Length == 0 || HevcConfigurationRecord.TryParse(again, out _), "our hvcC is not read");
        Promise.Holds(again.Length == 0 || CodecConfiguration.ReadVideoFormat(CodecId.Hevc, again).Width > 0, "our hvcC has no size");
    }

    private static void Av1(byte[] bytes)
    {
        if (!Av1ConfigurationRecord.TryParse(bytes, out var record) || record.SequenceHeader is not { } header)
        {
            return;
        }

        var again = Av1ConfigurationRecord.FromObus(record.Obus.Span);
        Promise.Holds(Av1ConfigurationRecord.TryParse(again, out var copy) && copy.SequenceHeader == header, "our av1C is not read as it was");
        Promise.Holds(again.AsSpan().SequenceEqual(Av1ConfigurationRecord.FromObus(copy!.Obus.Span)), "writing av1C is not stable");
    }

    private static void Vpx(byte[] bytes)
    {
        if (VpxConfigurationRecord.TryParse(bytes, out var record))
        {
            Promise.Holds(VpxConfigurationRecord.TryParse(record.Create(), out var again) && again == record, "our vpcC is not read as it was");
        }

        foreach (var codec in (ReadOnlySpan<CodecId>)[CodecId.Vp8, CodecId.Vp9])
        {
            var made = VpxConfigurationRecord.FromKeyframe(codec, bytes, 30);
            Promise.Holds(made.Length == 0 || VpxConfigurationRecord.TryParse(made, out _), "our vpcC of a keyframe is not read");
        }
    }

    private static void Aac(byte[] bytes)
    {
        if (!AudioSpecificConfig.TryParse(bytes, out var config))
        {
            return;
        }

        Promise.Holds(config.SampleRate > 0 && config.Channels > 0 && config.SamplesPerFrame >= 0, "AAC without rate, channels or samples");

        // The short form that we write is for AAC LC and what can be said beside it.
        if (config.ObjectType == AudioSpecificConfig.AacLowComplexity && config.Channels is >= 1 and <= 8 && (!config.HasSbr || config.ExtensionSampleRate > 0))
        {
            Promise.Holds(AudioSpecificConfig.TryParse(config.Create(), out var again) && again == config, "our AudioSpecificConfig is not read as it was");
        }
    }

    private static void Opus(byte[] bytes)
    {
        if (!OpusHead.TryParse(bytes, out var head))
        {
            return;
        }

        Promise.Holds(head.ChannelMapping.Length == 0 || head.ChannelMapping.Length == head.Channels, "a mapping for other channels");
        if (head.Channels <= 8)
        {
            Promise.Holds(
                OpusHead.TryParse(OpusHead.Create(head.Channels, head.PreSkip, head.InputSampleRate), out var again) &&
                again.Channels == head.Channels && again.PreSkip == head.PreSkip && again.InputSampleRate == head.InputSampleRate,
                "our OpusHead is not read as it was");
        }
    }

    private static byte[] Joined(IEnumerable<byte[]> nals) => [.. nals.SelectMany(static nal => (byte[])[0, 0, 0, 1, .. nal])];
}
