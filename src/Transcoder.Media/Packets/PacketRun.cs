using System.Collections.Concurrent;
using Transcoder.Media.Buffers;
using Transcoder.Media.Tracks;

namespace Transcoder.Media.Packets;

/// <summary>
/// Consecutive packets that all subscribers of a feed are woken for together, as one thing: it is counted once for each subscriber instead of once for each
/// packet, and what a protocol makes of it is one block that leaves in one write. Immutable once made; holds a reference on each packet.
/// </summary>
public sealed class PacketRun : RefCounted
{
    // Idle shells kept. Arbitrary: one for each of a thousand streams.
    private const int IdleShells = 1024;
    private static readonly ConcurrentQueue<PacketRun> Idle = new();
    private static int _idleCount;

    private readonly List<Packet> _packets = [];
    private RefCounted? _image;

    private PacketRun()
    {
    }

    public IReadOnlyList<Packet> Packets => _packets;

    /// <summary>Of all pictures and sounds in the run; null where there are none of the kind.</summary>
    public Track? Video { get; private set; }

    public Track? Audio { get; private set; }

    /// <summary>Whether everyone who follows the stream sends the run alike: one track of a kind, and no data that only take others back.</summary>
    public bool IsUniform { get; private set; }

    /// <summary>As <see cref="Packet.Image"/>, for the whole run.</summary>
    public RefCounted? Image => Volatile.Read(ref _image);

    /// <summary>An empty run with one reference, owned by the caller, who adds packets before anyone else sees it.</summary>
    public static PacketRun Begin()
    {
        if (Idle.TryDequeue(out var run))
        {
            Interlocked.Decrement(ref _idleCount);
            run.Revive();
        }
        else
        {
            run = new PacketRun();
        }

        run.IsUniform = true;
        return run;
    }

    /// <summary>Adds a reference of its own.</summary>
    public void Add(Packet packet)
    {
        packet.AddReference();
        _packets.Add(packet);
        switch (packet.Track.Kind)
        {
            case TrackKind.Video:
                IsUniform &= Video is null || ReferenceEquals(Video, packet.Track);
                Video = packet.Track;
                break;
            case TrackKind.Audio:
                IsUniform &= Audio is null || ReferenceEquals(Audio, packet.Track);
                Audio = packet.Track;
                break;
            default:
                IsUniform &= !packet.Payload.IsEmpty;
                break;
        }
    }

    /// <summary>As <see cref="Packet.SetImage"/>.</summary>
    public RefCounted SetImage(RefCounted image)
    {
        var first = Interlocked.CompareExchange(ref _image, image, null);
        if (first is null)
        {
            return image;
        }

        image.Release();
        return first;
    }

    protected override void OnReleased()
    {
        foreach (var packet in _packets)
        {
            packet.Release();
        }

        _packets.Clear();
        _image?.Release();
        _image = null;
        Video = Audio = null;
        if (Interlocked.Increment(ref _idleCount) <= IdleShells)
        {
            Idle.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _idleCount);
        }
    }
}
