using System.Collections.Concurrent;
using System.Numerics;
using Transcoder.Media.Packets;

namespace Transcoder.Media.Buffers;

/// <summary>
/// The house's byte blocks and packet shells, in classes from 256 B to 16 MiB, two to each doubling. Each class keeps a bounded number of idle blocks
/// and leaves the rest to the garbage collector, so a burst does not stay resident. Thread safe. Tests use a tracking twin.
/// </summary>
public class MediaBufferPool
{
    /// <summary>RTMP's largest message, 2^24 - 1 bytes, plus its tag header, must fit.</summary>
    public const int LargestBlock = (1 << 24) + 256;

    private const int SmallestShift = 8;
    private const int LargestShift = 24;

    // 256 B, 384 B, 512 B, 768 B, … 16 MiB: half of what power-of-two classes waste, which is most of what a stream keeps in memory.
    private const int Classes = (2 * (LargestShift - SmallestShift)) + 1;

    // Idle bytes kept per class. Arbitrary: 4 MiB holds half a second of a hundred busy streams in their commonest classes.
    private const int IdleBytesPerClass = 4 << 20;
    private const int IdlePackets = 8192;

    // An idle block up to twice as large is better than a new one: sizes drift with the scene, and pinned blocks given to the collector stay resident for minutes.
    private const int Borrowed = 2;

    private readonly ConcurrentQueue<MediaBuffer>[] _idle = [.. Enumerable.Range(0, Classes).Select(_ => new ConcurrentQueue<MediaBuffer>())];
    private readonly int[] _idleCounts = new int[Classes];
    private readonly ConcurrentQueue<Packet> _packets = new();
    private int _idlePackets;
    private long _rented;
    private long _rentedPackets;

    /// <summary>Blocks now owned by somebody.</summary>
    public long RentedBuffers => Interlocked.Read(ref _rented);

    /// <summary>Packets now owned by somebody.</summary>
    public long RentedPackets => Interlocked.Read(ref _rentedPackets);

    /// <summary>A block of at least <paramref name="size"/> bytes with one reference, owned by the caller.</summary>
    public virtual MediaBuffer Rent(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, LargestBlock);
        Interlocked.Increment(ref _rented);
        var index = ClassOf(size);
        for (var larger = index; larger < _idle.Length && larger <= index + Borrowed; larger++)
        {
            if (_idle[larger].TryDequeue(out var buffer))
            {
                Interlocked.Decrement(ref _idleCounts[larger]);
                buffer.BeginLife();
                return buffer;
            }
        }

        return new MediaBuffer(this, index < _idle.Length ? SizeOf(index) : LargestBlock);
    }

    /// <summary>An empty packet shell, for <see cref="Packet.Create"/>.</summary>
    internal virtual Packet RentPacket()
    {
        Interlocked.Increment(ref _rentedPackets);
        if (_packets.TryDequeue(out var packet))
        {
            Interlocked.Decrement(ref _idlePackets);
            packet.BeginLife();
            return packet;
        }

        return new Packet(this);
    }

    internal void TakeBack(MediaBuffer buffer) => Return(buffer);

    internal void TakeBack(Packet packet) => Return(packet);

    protected virtual void Return(MediaBuffer buffer)
    {
        Interlocked.Decrement(ref _rented);
        var index = ClassOf(buffer.Capacity);
        if (index >= _idle.Length)
        {
            return;
        }

        if (Interlocked.Increment(ref _idleCounts[index]) > Math.Max(2, IdleBytesPerClass / SizeOf(index)))
        {
            Interlocked.Decrement(ref _idleCounts[index]);
            return;
        }

        _idle[index].Enqueue(buffer);
    }

    protected virtual void Return(Packet packet)
    {
        Interlocked.Decrement(ref _rentedPackets);
        if (Interlocked.Increment(ref _idlePackets) > IdlePackets)
        {
            Interlocked.Decrement(ref _idlePackets);
            return;
        }

        _packets.Enqueue(packet);
    }

    private static int ClassOf(int size)
    {
        if (size <= 1 << SmallestShift)
        {
            return 0;
        }

        var below = BitOperations.Log2((uint)size - 1);
        return (2 * (below - SmallestShift)) + (size <= 3 << (below - 1) ? 1 : 2);
    }

    private static int SizeOf(int index) => (2 + (index & 1)) << ((index >> 1) + SmallestShift - 1);
}
