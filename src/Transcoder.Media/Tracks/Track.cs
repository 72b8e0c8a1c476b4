using System.Text.Json.Serialization;

namespace Transcoder.Media.Tracks;

/// <summary>Picture facts. Zero means not known yet.</summary>
/// <param name="Width">Coded and cropped width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="FrameRate">Frames a second, nominal; a source may vary.</param>
public readonly record struct VideoFormat(int Width, int Height, double FrameRate);

/// <param name="SampleRate">Hz.</param>
/// <param name="Channels">Channel count.</param>
public readonly record struct AudioFormat(int SampleRate, int Channels);

/// <summary>
/// What a decoder must know before the first packet of an elementary stream. Immutable; equal when every fact and every configuration byte is
/// equal, so a repeated sequence header is no change.
/// </summary>
/// <param name="Config">The codec's configuration record: avcC, hvcC, av1C, vpcC (ISO/IEC 14496-15 and kin), AudioSpecificConfig
/// (ISO/IEC 14496-3) or OpusHead (RFC 7845). Empty where the codec has none.</param>
public sealed record Track(TrackKind Kind, CodecId Codec, ReadOnlyMemory<byte> Config, VideoFormat Video = default, AudioFormat Audio = default)
{
    /// <summary>The track of script data, the same for every stream.</summary>
    public static readonly Track Amf0Data = new(TrackKind.Data, CodecId.Amf0, ReadOnlyMemory<byte>.Empty);

    /// <summary>Which of several tracks of a kind (Enhanced RTMP multitrack); 0 is the default track.</summary>
    public byte Id { get; init; }

    /// <summary>
    /// What Enhanced RTMP says beside the configuration record: of video the pairs of the Metadata packet (colorInfo, in AMF0), of audio the MultichannelConfig.
    /// Receivers are told of it after the record. It stays outside the worker: a decoder reads the bitstream.
    /// </summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Description { get; init; }

    public bool Equals(Track? other) =>
        other is not null && (ReferenceEquals(this, other) ||
            (Kind == other.Kind && Codec == other.Codec && Id == other.Id && Video == other.Video && Audio == other.Audio &&
             Config.Span.SequenceEqual(other.Config.Span) && Description.Span.SequenceEqual(other.Description.Span)));

    public override int GetHashCode() => HashCode.Combine(Kind, Codec, Id, Config.Length, Video, Audio);
}
