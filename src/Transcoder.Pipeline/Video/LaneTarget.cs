using Transcoder.Media.Ports;
using Transcoder.Pipeline.Planning;

namespace Transcoder.Pipeline.Video;

/// <summary>What the decode thread makes for a lane. Immutable: a move makes another.</summary>
/// <param name="Device">Where the picture is wanted; null while the lane has no encoder: then it gets the source's frames as they are.</param>
/// <param name="FrameRate">Frames a second to keep; 0 keeps all.</param>
internal sealed record LaneTarget(IDevice? Device, PictureSize Size, double FrameRate);
