using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Jobs;

/// <summary>A planned video encode: every value is settled, sizes are even.</summary>
/// <param name="FrameRate">Nominal; rate control uses it, timestamps don't.</param>
/// <param name="GopFrames">The longest distance between keyframes, a safety net behind the keyframe grid.</param>
/// <param name="Threads">0: the encoder decides.</param>
/// <param name="SampleAspectRatio">Written to the bitstream; 1 is square.</param>
/// <param name="Color">Written to the bitstream: that of the frames to come, or players guess it from the size.</param>
public sealed record VideoEncoderSettings(
    CodecId Codec,
    int Width,
    int Height,
    double FrameRate,
    int Bitrate,
    RateControl RateControl,
    int BufferMilliseconds,
    string Preset,
    string Profile,
    string Tune,
    int BFrames,
    int GopFrames,
    int Threads = 0,
    double SampleAspectRatio = 1,
    ColorDescription Color = default);

/// <summary>A planned audio encode.</summary>
public sealed record AudioEncoderSettings(CodecId Codec, int Bitrate, AudioFormat Format);
