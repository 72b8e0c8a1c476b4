using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Resources;

/// <summary>What is known of one owner: its leases, and where its source is decoded.</summary>
internal sealed class OwnerEntry(ILeaseOwner owner)
{
    public ILeaseOwner Owner { get; } = owner;

    public List<Lease> Leases { get; } = [];

    /// <summary>The lease that each rendition reads, or is going over to.</summary>
    public Dictionary<int, Lease> Current { get; } = [];

    /// <summary>What the ladder asks for, as settled by the worker, by number.</summary>
    public Dictionary<int, VideoEncoderSettings> Demands { get; } = [];

    public CodecId SourceCodec { get; set; } = CodecId.H264;

    /// <summary>Null until a decoder is placed.</summary>
    public DeviceState? Decoder { get; set; }

    /// <summary>What the decoder was placed for.</summary>
    public LadderOutline? Outline { get; set; }

    /// <summary>The decoder's device, or the CPU where that can't scale.</summary>
    public DeviceState? Scaler { get; set; }

    public EngineLoad DecodeLoad { get; set; }

    public EngineLoad ScaleLoad { get; set; }

    /// <summary>Encoding that will be asked for when the worker has started, and where it probably goes.</summary>
    public EngineLoad ExpectedLoad { get; set; }

    public DeviceState? ExpectedOn { get; set; }

    public TimeSpan ExpectedSince { get; set; }

    public List<PendingDemand> Pending { get; } = [];

    /// <summary>Renditions that have no encoder and shall have one, by number; their settings are among the demands.</summary>
    public Dictionary<int, AwaitedPlace> Awaited { get; } = [];

    /// <summary>The worker's CPU seconds at its last report, and when.</summary>
    public (double Seconds, TimeSpan At)? Cpu { get; set; }
}

/// <param name="NotBefore">Left alone until then.</param>
/// <param name="TriedAt">MinValue: not yet.</param>
internal readonly record struct AwaitedPlace(TimeSpan NotBefore, TimeSpan TriedAt);

/// <summary>A demand that waits for places which others are leaving.</summary>
/// <param name="WaitsFor">Leases that were ordered away for it.</param>
internal sealed record PendingDemand(DemandUnit Unit, IReadOnlyList<Lease> WaitsFor, TimeSpan Deadline);
