using Transcoder.Media.Tracks;

namespace Transcoder.Media.Bitstreams;

/// <summary>Reads the facts of a track out of its configuration record. Every input is hostile: damage yields the default value, never an exception.</summary>
public static class CodecConfiguration
{
    /// <summary>Size (cropped) and, where the bitstream states one, frame rate.</summary>
    public static VideoFormat ReadVideoFormat(CodecId codec, ReadOnlySpan<byte> config) => default;

    public static AudioFormat ReadAudioFormat(CodecId codec, ReadOnlySpan<byte> config) => default;
}
