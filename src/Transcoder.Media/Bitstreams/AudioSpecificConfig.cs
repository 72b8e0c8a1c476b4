namespace Transcoder.Media.Bitstreams;

/// <summary>AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).</summary>
/// <param name="ObjectType">Of the core: 2 for AAC LC, also under SBR.</param>
/// <param name="SampleRate">Of the core, in Hz.</param>
/// <param name="Channels">Of the core.</param>
/// <param name="HasSbr">Signalled; HE-AAC may also come without a word about it.</param>
/// <param name="ExtensionSampleRate">Behind SBR; 0 without.</param>
/// <param name="FrameLength">Core samples of one frame: 1024 or 960.</param>
public readonly record struct AudioSpecificConfig(
    int ObjectType,
    int SampleRate,
    int Channels,
    bool HasSbr = false,
    bool HasParametricStereo = false,
    int ExtensionSampleRate = 0,
    int FrameLength = 1024)
{
    public const int AacLowComplexity = 2;

    private const int Sbr = 5;
    private const int ParametricStereo = 29;
    private const int ErBsac = 22;
    private const int Escape = 31;
    private const int RateEscape = 15;
    private const int SbrSync = 0x2B7;
    private const int ParametricStereoSync = 0x548;

    private static ReadOnlySpan<int> Rates => [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

    private static ReadOnlySpan<byte> ChannelCounts => [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0];

    public int OutputSampleRate => HasSbr && ExtensionSampleRate > 0 ? ExtensionSampleRate : SampleRate;

    public int OutputChannels => HasParametricStereo && Channels == 1 ? 2 : Channels;

    /// <summary>What one packet becomes, at <see cref="OutputSampleRate"/>.</summary>
    public int SamplesPerFrame => SampleRate > 0 ? (int)((long)FrameLength * OutputSampleRate / SampleRate) : FrameLength;

    public static bool TryParse(ReadOnlySpan<byte> bytes, out AudioSpecificConfig config)
    {
        config = default;
        var bits = new BitReader(bytes);
        var type = ReadObjectType(ref bits);
        var rate = ReadRate(ref bits);
        var channelConfiguration = (int)bits.ReadBits(4);
        var channels = (int)ChannelCounts[channelConfiguration];
        var hasSbr = type is Sbr or ParametricStereo;
        var hasParametricStereo = type == ParametricStereo;
        var extensionRate = 0;
        if (hasSbr)
        {
            extensionRate = ReadRate(ref bits);
            type = ReadObjectType(ref bits);
            if (type == ErBsac)
            {
                bits.Skip(4);
            }
        }

        if (bits.IsExhausted || type == 0 || rate <= 0)
        {
            return false;
        }

        var frameLength = 1024;
        if (type is 1 or 2 or 3 or 4 or 6 or 7 or 17 or (>= 19 and <= 23))
        {
            frameLength = bits.ReadFlag() ? 960 : 1024;
            if (bits.ReadFlag())
            {
                bits.Skip(14);
            }

            bits.Skip(1);
            if (channelConfiguration == 0)
            {
                channels = ReadProgramChannels(ref bits);
            }
            else if (!hasSbr && type == AacLowComplexity)
            {
                ReadExtension(bits, ref hasSbr, ref hasParametricStereo, ref extensionRate);
            }
        }

        // SBR doubles the core's rate, or leaves it where it runs downsampled.
        if (channels == 0 || extensionRate > 2L * rate)
        {
            return false;
        }

        config = new AudioSpecificConfig(type, rate, channels, hasSbr, hasParametricStereo, extensionRate, frameLength);
        return true;
    }

    /// <summary>The configuration of AAC LC, or of <see cref="ObjectType"/>, with SBR and PS stated in the backward compatible form.</summary>
    /// <exception cref="InvalidOperationException">No channel configuration stands for this number of channels.</exception>
    public byte[] Create()
    {
        var channelConfiguration = Channels is >= 1 and <= 8 ? ChannelCounts[1..].IndexOf((byte)Channels) + 1 : 0;
        if (channelConfiguration == 0 || ObjectType is < 1 or >= Escape)
        {
            throw new InvalidOperationException($"AudioSpecificConfig: {Channels} channels of object type {ObjectType} have no short form");
        }

        UInt128 value = 0;
        var count = 0;
        Put(ObjectType, 5);
        PutRate(SampleRate);
        Put(channelConfiguration, 4);
        Put(FrameLength == 960 ? 4 : 0, 3);
        if (HasSbr)
        {
            Put(SbrSync, 11);
            Put(Sbr, 5);
            Put(1, 1);
            PutRate(ExtensionSampleRate);
            if (HasParametricStereo)
            {
                Put(ParametricStereoSync, 11);
                Put(1, 1);
            }
        }

        var bytes = new byte[(count + 7) / 8];
        value <<= (bytes.Length * 8) - count;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            bytes[i] = (byte)(value & 0xFF);
            value >>= 8;
        }

        return bytes;

        void Put(int bits, int width)
        {
            value = value << width | (uint)bits;
            count += width;
        }

        void PutRate(int rate)
        {
            var index = Rates.IndexOf(rate);
            Put(index < 0 ? RateEscape : index, 4);
            if (index < 0)
            {
                Put(rate & 0xFFFFFF, 24);
            }
        }
    }

    /// <summary>SBR and PS behind the core's configuration, where an old decoder does not look. Takes a copy of the reader: nothing follows.</summary>
    private static void ReadExtension(BitReader bits, ref bool hasSbr, ref bool hasParametricStereo, ref int extensionRate)
    {
        if (bits.ReadBits(11) != SbrSync || ReadObjectType(ref bits) != Sbr || !bits.ReadFlag())
        {
            return;
        }

        var rate = ReadRate(ref bits);
        if (bits.IsExhausted || rate <= 0)
        {
            return;
        }

        hasSbr = true;
        extensionRate = rate;
        hasParametricStereo = bits.ReadBits(11) == ParametricStereoSync && bits.ReadFlag() && !bits.IsExhausted;
    }

    /// <summary>program_config_element() (ISO/IEC 14496-3 §4.5.1.2): the channels counted.</summary>
    private static int ReadProgramChannels(ref BitReader bits)
    {
        bits.Skip(10);
        var elements = (int)(bits.ReadBits(4) + bits.ReadBits(4) + bits.ReadBits(4));
        var lowFrequency = (int)bits.ReadBits(2);
        bits.Skip(7);
        bits.Skip(bits.ReadFlag() ? 4 : 0);
        bits.Skip(bits.ReadFlag() ? 4 : 0);
        bits.Skip(bits.ReadFlag() ? 3 : 0);
        var channels = lowFrequency;
        for (var i = 0; i < elements; i++)
        {
            channels += bits.ReadFlag() ? 2 : 1;
            bits.Skip(4);
        }

        return bits.IsExhausted ? 0 : channels;
    }

    private static int ReadObjectType(ref BitReader bits)
    {
        var type = (int)bits.ReadBits(5);
        return type == Escape ? 32 + (int)bits.ReadBits(6) : type;
    }

    private static int ReadRate(ref BitReader bits)
    {
        var index = (int)bits.ReadBits(4);
        return index == RateEscape ? (int)bits.ReadBits(24) : index < Rates.Length ? Rates[index] : 0;
    }
}
