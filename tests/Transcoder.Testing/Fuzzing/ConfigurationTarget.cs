using Transcoder.Media.Bitstreams;
using Transcoder.Media.Tracks;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// Configuration records, and the frames that say what a record leaves out: facts within bounds, and what can be written is read back as it was. Each record by
/// itself, so that the fuzzer learns its syntax alone.
/// </summary>
internal static class ConfigurationTarget
{
    public static readonly IReadOnlyList<FuzzTarget> All =
    [
        new("avcC", static input => Run(input, [CodecId.H264], Avc)),
        new("hvcC", static input => Run(input, [CodecId.Hevc], Hevc)),
        new("av1C", static input => Run(input, [CodecId.Av1], Av1)),
        new("vpcC", static input => Run(input, [CodecId.Vp8, CodecId.Vp9], Vpx)),
        new("AudioSpecificConfig", static input => Run(input, [CodecId.Aac], Aac)),
        new("OpusHead", static input => Run(input, [CodecId.Opus], Opus)),

        // FLAC's STREAMINFO is a few fields at fixed places, the others have no record.
        new("frame", static input => Run(input, [CodecId.Flac, CodecId.Mp3, CodecId.Ac3, CodecId.Eac3, CodecId.Mpeg2Video, CodecId.Amf0, CodecId.None], static _ => { })),
    ];

    private static void Run(ReadOnlySpan<byte> input, CodecId[] codecs, Action<byte[]> record) => Bounds.Check(input, 1000, bytes =>
    {
        foreach (var codec in codecs)
        {
            Facts(CodecConfiguration.ReadVideoFormat(codec, bytes));
            Facts(CodecConfiguration.ReadVideoFormatFromKeyframe(codec, bytes));
            Facts(CodecConfiguration.ReadAudioFormat(codec, bytes));
            Facts(CodecConfiguration.ReadAudioFormatFromFrame(codec, bytes));
            Promise.Holds(CodecConfiguration.ReadLengthSize(codec, bytes) is 1 or 2 or 4, "a length size of three");
        }

        record(bytes);
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
        MadeAvc(bytes);
        if (!AvcConfigurationRecord.TryParse(bytes, out var record))
        {
            return;
        }

        Promise.Holds(record.SequenceParameterSets.Count is > 0 and <= 31 && record.PictureParameterSets.Count <= 255, "a number of parameter sets that no record has");
        Promise.Holds(AvcConfigurationRecord.ReadLengthSize(bytes) == record.LengthSize, "two length sizes");
        MadeAvc(Joined([.. record.SequenceParameterSets, .. record.PictureParameterSets]));
    }

    private static void MadeAvc(byte[] nals)
    {
        var made = AvcConfigurationRecord.FromAnnexB(nals);
        Promise.Holds(made.Length == 0 || AvcConfigurationRecord.TryParse(made, out _), "our avcC is not read");
        Promise.Holds(made.Length == 0 || CodecConfiguration.ReadVideoFormat(CodecId.H264, made).Width > 0, "our avcC has no size");
    }

    private static void Hevc(byte[] bytes)
    {
        MadeHevc(bytes);
        if (!HevcConfigurationRecord.TryParse(bytes, out var record))
        {
            return;
        }

        Promise.Holds(record.ParameterSets.Count is > 0 and <= 64, "a number of parameter sets that no record has");
        Promise.Holds(HevcConfigurationRecord.ReadLengthSize(bytes) == record.LengthSize, "two length sizes");
        MadeHevc(Joined(record.ParameterSets));
    }

    private static void MadeHevc(byte[] nals)
    {
        var made = HevcConfigurationRecord.FromAnnexB(nals);
        Promise.Holds(made.Length == 0 || HevcConfigurationRecord.TryParse(made, out _), "our hvcC is not read");
        Promise.Holds(made.Length == 0 || CodecConfiguration.ReadVideoFormat(CodecId.Hevc, made).Width > 0, "our hvcC has no size");
    }

    private static void Av1(byte[] bytes)
    {
        var made = Av1ConfigurationRecord.FromObus(bytes);
        Promise.Holds(made.Length == 0 || Av1ConfigurationRecord.TryParse(made, out _), "our av1C of a temporal unit is not read");
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
