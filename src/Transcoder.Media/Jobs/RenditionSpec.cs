using Transcoder.Media.Tracks;

namespace Transcoder.Media.Jobs;

public enum RateControl : byte
{
    /// <summary>Constant: the bitrate is held by the VBV and filled up where pictures are simple, as CDNs ask for.</summary>
    Cbr,

    /// <summary>The bitrate is a ceiling held by the VBV; simple pictures take less.</summary>
    Vbr,
}

/// <summary>One rung of a ladder as the operator wrote it. Immutable; equality decides what a reload restarts.</summary>
/// <param name="Name">Unique in its ladder; becomes part of the stream's name.</param>
/// <param name="Video">Null: no picture in this rendition.</param>
/// <param name="Audio">Null: no sound.</param>
/// <param name="Priority">Where places are short, a rendition of greater priority takes that of a smaller one.</param>
/// <param name="Fallback">When the preferred kind of encoder has no place; null: as for all.</param>
public sealed record RenditionSpec(string Name, VideoSpec? Video, AudioSpec? Audio, int Priority = 0, FallbackPolicy? Fallback = null);

/// <summary>What to do when the first kind of encoder in the order has no place.</summary>
public enum FallbackPolicy : byte
{
    /// <summary>The next kind of the order takes it.</summary>
    Allow,

    /// <summary>First ask for less: a faster preset, then half the frame rate, then leave out the rung of the smallest priority.</summary>
    Reduce,

    /// <summary>It is not made, and the reason says why.</summary>
    Forbid,
}

/// <param name="Codec">Output codec.</param>
/// <param name="Width">Pixels, even; 0: from the height and the source's aspect ratio.</param>
/// <param name="Height">Pixels, even; 0: from the width, or the source's own where both are 0.</param>
/// <param name="Bitrate">Bits a second.</param>
/// <param name="MaxFrameRate">Frames a second; 0: the source's. A faster source loses frames evenly, and they are counted as dropped by plan.</param>
/// <param name="BufferMilliseconds">VBV size as time at the bitrate.</param>
/// <param name="Preset">speed | balanced | quality, or the encoder's own preset word.</param>
/// <param name="Profile">The codec's profile word; empty: the encoder's choice.</param>
/// <param name="Tune">The encoder's tune word; empty: none.</param>
/// <param name="BFrames">B-frames between references; 0 keeps latency lowest.</param>
/// <param name="AllowUpscale">Make this rung even of a smaller source.</param>
/// <param name="AllowPassthrough">A source that already is what this rung asks for is handed on without encoding.</param>
public sealed record VideoSpec(
    CodecId Codec,
    int Width,
    int Height,
    int Bitrate,
    double MaxFrameRate = 0,
    RateControl RateControl = RateControl.Cbr,
    int BufferMilliseconds = 1000,
    string Preset = "speed",
    string Profile = "",
    string Tune = "",
    int BFrames = 0,
    bool AllowUpscale = false,
    bool AllowPassthrough = false);

/// <param name="SampleRate">Hz; 0: the source's, or the nearest that the codec allows.</param>
/// <param name="Channels">1 or 2; 0: the source's up to 2.</param>
public sealed record AudioSpec(CodecId Codec, int Bitrate, int SampleRate = 0, int Channels = 0);
