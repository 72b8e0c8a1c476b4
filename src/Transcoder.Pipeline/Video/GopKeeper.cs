using Transcoder.Media.Packets;

namespace Transcoder.Pipeline.Video;

/// <summary>The coded packets since the newest keyframe: should the decoder's device be lost, another one decodes them again. One thread.</summary>
internal sealed class GopKeeper : IDisposable
{
    // Ten seconds at 12 Mbit/s; of a longer GOP nothing is kept.
    private const int MostBytes = 16 << 20;
    private const int MostPackets = 1200;

    private readonly List<Packet> _packets = [];
    private long _bytes;

    /// <summary>It begins with a keyframe and lacks nothing.</summary>
    public bool IsWhole => _packets.Count > 0;

    public IReadOnlyList<Packet> Packets => _packets;

    /// <summary>Adds a reference.</summary>
    public void Add(Packet packet)
    {
        if (packet.IsKeyframe)
        {
            Clear();
        }
        else if (_packets.Count == 0)
        {
            return;
        }

        packet.AddReference();
        _packets.Add(packet);
        _bytes += packet.Payload.Length;
        if (_bytes > MostBytes || _packets.Count > MostPackets)
        {
            Clear();
        }
    }

    public void Clear()
    {
        _packets.ForEach(packet => packet.Release());
        _packets.Clear();
        _bytes = 0;
    }

    public void Dispose() => Clear();
}
