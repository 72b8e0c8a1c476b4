using System.Buffers.Binary;
using System.Text;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Amf;

namespace Transcoder.Rtmp.Messages;

/// <summary>capsEx (E-RTMP v2, "Enhancing NetConnection connect Command").</summary>
[Flags]
internal enum ExtendedCapabilities : uint
{
    None = 0,
    Reconnect = 1,
    Multitrack = 2,
    ModEx = 4,
    TimestampNanoOffset = 8,
}

/// <summary>What the other side said in <c>connect</c> or in its answer that it can read. Nothing may be assumed that it did not say. Immutable.</summary>
internal sealed class PeerCapabilities
{
    private const string Any = "*";
    private const string FourCcList = "fourCcList";
    private const string VideoMap = "videoFourCcInfoMap";
    private const string AudioMap = "audioFourCcInfoMap";
    private const string CapsEx = "capsEx";
    private const string VideoFunction = "videoFunction";

    // Of videoFunction.
    private const uint MetadataPackets = 4;

    // Enhanced RTMP names twelve.
    private const int MostFourCcs = 64;

    // FourCcInfoMask: decode 1, encode 2, forward 4. Who only encodes a codec cannot be sent it.
    private const int Decode = 1;
    private const int Encode = 2;
    private const int Forward = 4;

    /// <summary>Nothing said: the legacy codecs in their legacy form.</summary>
    public static readonly PeerCapabilities None = new();

    private static readonly CodecId[] VideoCodecs = [CodecId.H264, CodecId.Hevc, CodecId.Av1, CodecId.Vp9, CodecId.Vp8];
    private static readonly CodecId[] AudioCodecs = [CodecId.Aac, CodecId.Opus, CodecId.Flac, CodecId.Ac3, CodecId.Eac3, CodecId.Mp3];

    private readonly SortedSet<string> _fourCcs = new(StringComparer.Ordinal);
    private bool _anyVideo;
    private bool _anyAudio;
    private bool _saysMoreThanList;
    private bool _announcesMetadata;

    public ExtendedCapabilities Extended { get; private set; }

    /// <summary>Whether any codec was named.</summary>
    public bool NamesCodecs => _anyVideo || _anyAudio || _fourCcs.Count > 0;

    public bool IsMultitrack => (Extended & ExtendedCapabilities.Multitrack) != 0;

    public bool CanReconnect => (Extended & ExtendedCapabilities.Reconnect) != 0;

    public bool ReadsNanoseconds =>
        (Extended & (ExtendedCapabilities.ModEx | ExtendedCapabilities.TimestampNanoOffset)) == (ExtendedCapabilities.ModEx | ExtendedCapabilities.TimestampNanoOffset);

    /// <summary>
    /// Whether it may be sent Metadata packets (colour, HDR). Version 2 of Enhanced RTMP says so in videoFunction. Version 1, which has the list of codecs and nothing
    /// else, defines the packet without a word for it: FFmpeg is such a client and reads it.
    /// </summary>
    public bool ReadsMetadata => _announcesMetadata || (NamesCodecs && !_saysMoreThanList);

    /// <param name="objects">connect's command object, or both objects of its answer: servers differ in which one they use.</param>
    public static PeerCapabilities Parse(params ReadOnlySpan<AmfObject?> objects)
    {
        var result = new PeerCapabilities();
        foreach (var properties in objects)
        {
            if (properties is not null)
            {
                result.Take(properties);
            }
        }

        return result.NamesCodecs || result.Extended != 0 ? result : None;
    }

    /// <summary>Our own side of it, into an object that has been begun.</summary>
    public static Amf0Writer WriteOurs(Amf0Writer amf)
    {
        var all = VideoCodecs.Concat(AudioCodecs).Select(static codec => AmfValue.Of(Name(codec)));
        amf.Name(FourCcList).Value(AmfValue.Of([.. all]));
        WriteMap(amf.Name(VideoMap), VideoCodecs);
        WriteMap(amf.Name(AudioMap), AudioCodecs);
        return amf.Property(
            CapsEx,
            (double)(ExtendedCapabilities.Reconnect | ExtendedCapabilities.Multitrack | ExtendedCapabilities.ModEx | ExtendedCapabilities.TimestampNanoOffset));
    }

    /// <summary>Whether the codec may be sent with its FourCC.</summary>
    public bool Reads(Track track) => (track.Kind == TrackKind.Video ? _anyVideo : _anyAudio) || _fourCcs.Contains(Name(track.Codec));

    /// <summary>For a reason: what was named.</summary>
    public override string ToString()
    {
        var names = string.Join(", ", _fourCcs);
        var any = _anyVideo && _anyAudio ? "any codec" : _anyVideo ? "any video" : _anyAudio ? "any audio" : "";
        return names.Length == 0 || any.Length == 0 ? names + any : $"{names}, {any}";
    }

    private static string Name(CodecId codec)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, FlvCodecs.FourCc(codec));
        return Encoding.ASCII.GetString(bytes);
    }

    private static void WriteMap(Amf0Writer amf, CodecId[] codecs)
    {
        amf.BeginObject();
        foreach (var codec in codecs)
        {
            amf.Property(Name(codec), Decode | Encode | Forward);
        }

        amf.End();
    }

    private void Take(AmfObject properties)
    {
        foreach (var entry in properties[FourCcList].AsArray ?? [])
        {
            if (entry.AsString == Any)
            {
                _anyVideo = _anyAudio = true;
            }
            else if (entry.AsString is { } name)
            {
                Add(name);
            }
        }

        _saysMoreThanList |= properties[VideoMap].AsObject is not null || properties[AudioMap].AsObject is not null || properties[CapsEx].AsNumber is not null;
        _announcesMetadata |= properties[VideoFunction].AsNumber is > 0 and <= uint.MaxValue and { } functions && ((uint)functions & MetadataPackets) != 0;
        _anyVideo |= TakeMap(properties[VideoMap].AsObject);
        _anyAudio |= TakeMap(properties[AudioMap].AsObject);
        if (properties[CapsEx].AsNumber is > 0 and <= uint.MaxValue and { } extended)
        {
            Extended |= (ExtendedCapabilities)(uint)extended;
        }
    }

    // They stand in reasons and logs: a hostile list neither fills them nor forges lines.
    private void Add(string name)
    {
        if (name.Length == 4 && _fourCcs.Count < MostFourCcs && !name.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            _fourCcs.Add(name);
        }
    }

    /// <returns>True when it reads every codec of the kind.</returns>
    private bool TakeMap(AmfObject? map)
    {
        foreach (var (name, value) in map?.Properties ?? [])
        {
            if (value.AsNumber is >= 0 and <= byte.MaxValue and { } mask && ((int)mask & (Decode | Forward)) != 0)
            {
                if (name == Any)
                {
                    return true;
                }

                Add(name);
            }
        }

        return false;
    }
}
