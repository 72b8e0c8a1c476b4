namespace Transcoder.Media.Containers.Flv;

/// <summary>What the body of an audio or video message holds, legacy and enhanced forms alike.</summary>
public enum FlvPacketKind : byte
{
    /// <summary>A packet type of a later specification: skip it, the message is not damaged.</summary>
    Unknown,

    /// <summary>A message without a body. Audio: silence from here on (E-RTMP v2, "ExAudioTagHeader"). Video: nothing.</summary>
    Empty,

    /// <summary>The payload is the configuration record. It may be empty: real encoders send that before the true one.</summary>
    SequenceStart,

    CodedFrames,
    SequenceEnd,

    /// <summary>AMF0 name and value pairs (colorInfo). Acted on before the next picture.</summary>
    Metadata,

    /// <summary>Video only: one byte, 0 for the start and 1 for the end of client-side seeking.</summary>
    Command,

    /// <summary>Audio only: channel order, count and mask.</summary>
    MultichannelConfig,

    /// <summary>AV1 only: the payload is the AV1 video descriptor of MPEG-2 TS instead of av1C.</summary>
    Mpeg2TsSequenceStart,
}

/// <summary>How messages are written for one class of receivers. Every receiver reads <see cref="Compatible"/>, as far as the codec has a legacy form.</summary>
[Flags]
public enum FlvForms : byte
{
    /// <summary>H.264, AAC and MP3 in the legacy form, the others with FourCC; a track other than 0 as multitrack.</summary>
    Compatible = 0,

    /// <summary>FourCC for every codec, and nanosecond offsets (ModEx) where a time is no whole millisecond.</summary>
    Precise = 1,

    /// <summary>A track other than 0 as if it were track 0: for a receiver that asked for that track alone.</summary>
    AsDefaultTrack = 2,
}

/// <summary>FLV 10.1 §E.4.3.1.</summary>
public enum FlvFrameType : byte
{
    Reserved = 0,
    Key = 1,
    Inter = 2,
    DisposableInter = 3,
    GeneratedKey = 4,
    Command = 5,
}
