using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;

namespace Transcoder.Pipeline.Links;

/// <summary>What the link hands to a decode thread: a packet, a new track, or (both null) the end of the stream.</summary>
/// <param name="LagMilliseconds">How far the packet was behind the source when the daemon sent it.</param>
/// <param name="Arrival">When the worker read it, in ticks of its clock.</param>
internal readonly record struct LinkItem(Packet? Packet, Track? Track, int LagMilliseconds = 0, long Arrival = 0);
