using System.Text.Json.Serialization;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Workers;

/// <param name="Version">Must equal the daemon's: both come from one executable.</param>
/// <param name="Secret">The word given to the worker at its start, so that no other local process can pose as one.</param>
public sealed record WorkerHello(string Version, string Secret, int ProcessId);

/// <param name="Device">Stable device id.</param>
/// <param name="Encoder">The encoder and its effective options.</param>
/// <param name="Reason">Why this device.</param>
/// <param name="Lease">The lease that this confirms; 0 where none was needed: sound only, or nothing encoded.</param>
public sealed record RenditionStarted(
    string Device, string DeviceKind, string Encoder, string Decoder, int Width, int Height, double FrameRate, Reason Reason, long Lease = 0);

/// <summary>Counters of one worker since its start.</summary>
/// <param name="SourceFrames">Frames decoded.</param>
/// <param name="DamagedPackets">Source packets that no decoder took.</param>
/// <param name="RealtimeRatio">Source time decoded by wall time over the last report interval; under 1 the worker falls behind.</param>
public sealed record WorkerReport(
    long SourceFrames,
    long SourceVideoPackets,
    long SourceAudioPackets,
    long DamagedPackets,
    double RealtimeRatio,
    double CpuSeconds,
    IReadOnlyList<RenditionReport> Renditions);

/// <param name="FramesIn">Source frames this rendition was offered after its resume point.</param>
/// <param name="FramesEncoded">Frames that came out of the encoder.</param>
/// <param name="FramesDroppedLate">Frames dropped because the encoder was behind.</param>
/// <param name="FramesDroppedByPlan">Frames left out to keep the rung's frame rate.</param>
/// <param name="FramesPending">Frames in the queue and in the encoder: in = encoded + dropped + lost + pending.</param>
/// <param name="FramesLost">Frames that a failing encoder took along.</param>
public sealed record RenditionReport(
    int Number,
    long FramesIn,
    long FramesEncoded,
    long FramesDroppedLate,
    long FramesDroppedByPlan,
    long FramesPending,
    long AudioUnits,
    long FramesLost = 0);

public sealed record WorkerLogLine(string Level, string Message);

/// <summary>JSON of the link's control messages. Media packets are never JSON. A part that is missing or null is an error of the message, not of its reader.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(WorkerHello))]
[JsonSerializable(typeof(TranscodeJob))]
[JsonSerializable(typeof(Track))]
[JsonSerializable(typeof(WorkerReport))]
[JsonSerializable(typeof(RenditionStarted))]
[JsonSerializable(typeof(Reason))]
[JsonSerializable(typeof(WorkerLogLine))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(LeaseGrant))]
[JsonSerializable(typeof(LeaseClosed))]
[JsonSerializable(typeof(LeaseStrained))]
[JsonSerializable(typeof(DecoderStarted))]
[JsonSerializable(typeof(DecoderFailed))]
[JsonSerializable(typeof(DecodeMove))]
public sealed partial class WorkerJson : JsonSerializerContext;
