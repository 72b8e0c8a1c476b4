using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>What would be: the answer to "would this ladder fit, where, and why not there".</summary>
public sealed record PlacementPlan(DeviceRef Decoder, IReadOnlyList<RenditionPlan> Renditions);

/// <param name="Place">Null: it would be refused, and <paramref name="Reason"/> says why.</param>
/// <param name="Settings">As asked for, or reduced by policy.</param>
/// <param name="Places">Every device of the machine.</param>
public sealed record RenditionPlan(int Number, string Name, DeviceRef? Place, VideoEncoderSettings Settings, Reason Reason, IReadOnlyList<PlaceView> Places);

/// <param name="Kind">The interface that would be used; empty where there is none.</param>
/// <param name="Cost">What the rendition would add to the predicted sum of delay and loss: frames waiting at any moment, and frames lost a second; null where it wasn't weighed.</param>
/// <param name="Refusal">Null: there is a place.</param>
public sealed record PlaceView(string Device, string Name, string Kind, double? Cost, Reason? Refusal);
