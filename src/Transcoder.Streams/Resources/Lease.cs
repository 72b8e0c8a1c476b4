using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>What is between a place given and a session closed.</summary>
public enum LeaseState : byte
{
    /// <summary>Given; the worker opens the session now.</summary>
    Reserved,

    /// <summary>The session runs.</summary>
    Open,

    /// <summary>The session runs and its rendition was ordered elsewhere, or to stop; the place is free when the worker says so.</summary>
    Leaving,

    /// <summary>The session hangs in the driver: it lives until its worker dies, or can close it after all.</summary>
    Stuck,

    /// <summary>Never confirmed in time: the place is given back. A late confirmation takes it again.</summary>
    Expired,

    Closed,
}

/// <summary>A demand, or several of one owner with equal settings, which share a session.</summary>
/// <param name="Numbers">The renditions' numbers on the link.</param>
/// <param name="Settings">As asked for.</param>
internal sealed record DemandUnit(IReadOnlyList<int> Numbers, VideoEncoderSettings Settings, LeaseTerms Terms, FallbackPolicy Fallback)
{
    public double PixelRate => Settings.Width * (double)Settings.Height * Settings.FrameRate;
}

/// <summary>A place for one encoder session.</summary>
internal sealed class Lease(long id, OwnerEntry owner, DemandUnit unit, Placed placed, TimeSpan now)
{
    public long Id { get; } = id;

    public OwnerEntry Owner { get; } = owner;

    public DemandUnit Unit { get; } = unit;

    /// <summary>Renditions that read this session; another one of the same settings may join.</summary>
    public List<int> Numbers { get; } = [.. unit.Numbers];

    public DeviceState Device { get; } = placed.Device;

    public DeviceRef Place { get; } = placed.Place;

    /// <summary>What is encoded; less than asked for where policy reduced it.</summary>
    public VideoEncoderSettings Settings { get; } = placed.Settings;

    public EngineLoad Load { get; } = placed.Load;

    public long Bytes { get; } = placed.Bytes;

    /// <summary>Of the policy's order; 0: where it is wanted.</summary>
    public int Tier { get; } = placed.Tier;

    public Reason Reason { get; set; } = placed.Reason;

    public IReadOnlyList<PlaceOption> Options { get; } = placed.Options;

    public LeaseState State { get; set; } = LeaseState.Reserved;

    public TimeSpan ReservedAt { get; } = now;

    public TimeSpan OpenedAt { get; set; } = TimeSpan.MaxValue;

    /// <summary>Device memory that the newest sample doesn't show yet.</summary>
    public bool MemoryUnseen { get; set; }

    /// <summary>The lease that this one is a move away from, while the worker has both.</summary>
    public Lease? MovesFrom { get; set; }

    public Lease? MovesTo { get; set; }

    public int DeviceIndex { get; set; } = -1;

    /// <summary>By policy; B-frames that the encoder doesn't make are no policy's doing.</summary>
    public bool IsReduced => !ReferenceEquals(Settings, Unit.Settings) && Settings with { BFrames = Unit.Settings.BFrames } != Unit.Settings;

    /// <summary>A rendition is to read it.</summary>
    public bool IsCurrent => Numbers.Exists(number => Owner.Current.GetValueOrDefault(number) == this);

    /// <summary>A session that is there, or may be at any moment.</summary>
    public bool Counts => State is LeaseState.Reserved or LeaseState.Open or LeaseState.Leaving or LeaseState.Stuck;
}
