namespace Transcoder.Media.Tracks;

public enum TrackKind : byte
{
    Video,
    Audio,

    /// <summary>AMF0 script data: onMetaData, cue points, text.</summary>
    Data,
}

/// <summary>The codecs the house can name. Numbers cross the worker link: append, never renumber.</summary>
public enum CodecId : byte
{
    None = 0,
    H264 = 1,
    Hevc = 2,
    Av1 = 3,
    Vp9 = 4,
    Vp8 = 5,
    Mpeg2Video = 6,
    Aac = 32,
    Mp3 = 33,
    Opus = 34,
    Flac = 35,
    Ac3 = 36,
    Eac3 = 37,
    Amf0 = 64,
}

/// <summary>Names and FourCCs of the codecs: the words of the configuration file, the API and the metrics.</summary>
public static class CodecNames
{
    public static string Name(this CodecId codec) => codec switch
    {
        CodecId.H264 => "h264",
        CodecId.Hevc => "hevc",
        CodecId.Av1 => "av1",
        CodecId.Vp9 => "vp9",
        CodecId.Vp8 => "vp8",
        CodecId.Mpeg2Video => "mpeg2video",
        CodecId.Aac => "aac",
        CodecId.Mp3 => "mp3",
        CodecId.Opus => "opus",
        CodecId.Flac => "flac",
        CodecId.Ac3 => "ac3",
        CodecId.Eac3 => "eac3",
        CodecId.Amf0 => "amf0",
        _ => "none",
    };
}
