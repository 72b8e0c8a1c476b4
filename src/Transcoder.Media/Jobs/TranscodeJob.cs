using Transcoder.Media.Devices;
using Transcoder.Media.Time;

namespace Transcoder.Media.Jobs;

/// <summary>What one worker is asked to make of one source.</summary>
/// <param name="Stream">APP/STREAM, for logs and thread names.</param>
/// <param name="KeyframeInterval">The keyframe grid: an IDR at the first frame of each interval of the source's timeline.</param>
/// <param name="Renditions">The ladder with the point where each rendition goes on. The index is the rendition's number on the link.</param>
/// <param name="DecodeOrder">Where to decode the source, in the order to try; empty: on the CPU.</param>
public sealed record TranscodeJob(string Stream, MediaTime KeyframeInterval, IReadOnlyList<RenditionJob> Renditions, IReadOnlyList<DeviceRef> DecodeOrder);

/// <param name="ResumeVideoAfter">Frames at or before this time have left already: the first frame after it is an IDR. MinValue: from the start.</param>
/// <param name="ResumeAudioAfter">The last coded audio unit that has left; the next one follows it without a gap. MinValue: from the start.</param>
/// <param name="ResumesPassthrough">What has left was the source's own coding: it may go on in the middle of a GOP.</param>
public sealed record RenditionJob(RenditionSpec Spec, MediaTime ResumeVideoAfter, MediaTime ResumeAudioAfter, bool ResumesPassthrough = false);
