using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>One device as a place for one demand, at the moment of the decision.</summary>
/// <param name="Kind">The interface that would be used; empty where the device has none that fits.</param>
/// <param name="Cost">What the demand would add to the predicted sum of delay and loss (see <see cref="EngineQueue"/>); NaN where it wasn't weighed.</param>
/// <param name="Refusal">A code of <see cref="Reasons"/>; null: it was possible.</param>
/// <param name="Detail">The refusal's words where they are not those of the device's state.</param>
internal readonly record struct PlaceOption(DeviceState Device, string Kind, double Cost, string? Refusal, string? Detail = null);

/// <summary>A place found for a unit.</summary>
/// <param name="Settings">As asked for, or what policy reduced them to.</param>
/// <param name="Tier">Index of the tier in the policy's order, whether this machine has those before it or not: they may still come.</param>
internal sealed record Placed(
    DeviceState Device, DeviceRef Place, VideoEncoderSettings Settings, EngineLoad Load, long Bytes, int Tier, Reason Reason, IReadOnlyList<PlaceOption> Options);

/// <summary>What was decided for one unit of a ladder: a place, a wait for places that others are to leave, or a refusal.</summary>
/// <param name="Victims">Leases of smaller priority to be ordered away; the unit waits for their places.</param>
internal sealed record UnitDecision(DemandUnit Unit, Placed? Placed, IReadOnlyList<Lease> Victims, Reason Refusal, IReadOnlyList<PlaceOption> Options);

/// <summary>Circumstances of one decision.</summary>
/// <param name="Rungs">Renditions of the ladder: a frame that crosses between devices keeps all of them waiting.</param>
/// <param name="Avoid">The device that the unit is to leave, or null.</param>
/// <param name="Limit">How full an engine may become.</param>
/// <param name="MayPreempt">Whether leases of smaller priority may be ordered away.</param>
/// <param name="Runs">The unit runs well where it is: it is not the one to find out whether a device still hangs, which would cost its worker.</param>
internal readonly record struct PlacementCase(
    OwnerEntry Owner, DeviceState? Decoder, int Rungs, TimeSpan Now, DeviceState? Avoid = null, double Limit = EngineState.Full, bool MayPreempt = true,
    bool Runs = false);
