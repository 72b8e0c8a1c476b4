using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// From coded units to packets that leave: in whole mini-GOPs, so that an encoder that fails inside one is replaced by another that begins with the first
/// frame that had not left. On the encode thread.
/// </summary>
internal sealed class LaneOutput(PipelineScope scope, LaneMembers members)
{
    // Pictures kept for another encoder: ten times what one for live use delays.
    private const int KeptPictures = 32;

    private readonly List<Packet> _held = [];

    public FramesInFlight InFlight { get; } = new(KeptPictures, members);

    /// <param name="reorders">The encoder makes B-frames.</param>
    public void Add(in EncodedUnit unit, Track track, bool reorders)
    {
        if (!InFlight.Complete(unit.Pts, out var pts))
        {
            throw new CodecException($"gave a unit at {unit.Pts} that belongs to no frame");
        }

        if (unit.IsKeyframe || !reorders)
        {
            InFlight.Swallowed(pts);
        }

        var flags = (unit.IsKeyframe ? PacketFlags.Keyframe : 0) | (unit.IsDisposable ? PacketFlags.Disposable : 0);
        if (_held.Count == 0 && InFlight.AtBoundary)
        {
            members.Send(track, unit.Dts, pts, flags, WorkerPacketFlags.Boundary, unit.Data);
            InFlight.Flush();
            return;
        }

        _held.Add(Packet.Copy(scope.Pool, track, unit.Dts, pts, flags, unit.Data));
        if (InFlight.AtBoundary)
        {
            Flush();
        }
    }

    /// <summary>What is held leaves: a boundary was reached, or nothing follows.</summary>
    public void Flush()
    {
        if (_held.Count == 0)
        {
            return;
        }

        for (var i = 0; i < _held.Count; i++)
        {
            var packet = _held[i];
            var boundary = i == _held.Count - 1 ? WorkerPacketFlags.Boundary : WorkerPacketFlags.None;
            members.Send(packet.Track, packet.Dts, packet.Pts, packet.Flags, boundary, packet.Payload.Span);
        }

        DiscardHeld();
        InFlight.Flush();
    }

    /// <summary>Another encoder starts over with the first frame that has not left.</summary>
    /// <returns>Those frames; the caller owns a reference of each.</returns>
    public Picture[] Rewind()
    {
        DiscardHeld();
        return InFlight.Rewind();
    }

    public void Clear()
    {
        DiscardHeld();
        InFlight.Clear();
    }

    private void DiscardHeld()
    {
        foreach (var packet in _held)
        {
            packet.Release();
        }

        _held.Clear();
    }
}
