using System.Numerics;
using Transcoder.Media.Packets;

namespace Transcoder.Media.Buffers;

/// <summary>
/// The house's byte blocks and packet shells. Blocks of the sizes that streams keep are cut from a <see cref="PageStore"/>; smaller and larger ones come in classes, four to
/// each doubling. What lies idle is bounded, the rest is left to the garbage collector, so a burst does not stay resident. Thread safe. Tests use a tracking twin.
/// </summary>
public class MediaBufferPool
{
    /// <summary>RTMP's largest message, 2^24 - 1 bytes, plus its tag header, must fit.</summary>
    public const int LargestBlock = (1 << 24) + 256;

    private const int SmallestShift = 8;
    private const int LargestShift = 24;

    // 256 B, 320 B, 384 B, 448 B, 512 B, 640 B, …
    private const int Classes = (4 * (LargestShift - SmallestShift)) + 1;

    // Idle bytes kept per class, but two blocks of each.
    private const int IdleBytesPerClass = 1 << 20;

    // Packets, and blocks without their pages.
    private const int IdleShells = 8192;

    private readonly PageStore _pages = new();
    private readonly IdleStack<MediaBuffer>[] _idle = [.. Enumerable.Range(0, Classes).Select(i => new IdleStack<MediaBuffer>(Math.Max(2, IdleBytesPerClass / SizeOf(i))))];
    private readonly IdleStack<MediaBuffer> _shells = new(IdleShells);
    private readonly IdleStack<Packet> _packets = new(IdleShells);
    private long _rented;
    private long _rentedPackets;

    /// <summary>Blocks now owned by somebody.</summary>
    public long RentedBuffers => Interlocked.Read(ref _rented);

    /// <summary>Bytes of the blocks that wait to be rented.</summary>
    public long IdleBytes => _pages.IdleBytes + _idle.Select((blocks, i) => (long)blocks.Count * SizeOf(i)).Sum();

    /// <summary>Packets now owned by somebody.</summary>
    public long RentedPackets => Interlocked.Read(ref _rentedPackets);

    /// <summary>A block of at least <paramref name="size"/> bytes with one reference, owned by the caller.</summary>
    public virtual MediaBuffer Rent(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, LargestBlock);
        Interlocked.Increment(ref _rented);
        if (size is > PageStore.PageSize and <= PageStore.LargestGuest && _pages.Take(size) is { Region: { } region, Bytes: var bytes })
        {
            if (_shells.TryPop() is not { } shell)
            {
                return new MediaBuffer(this, bytes, region);
            }

            shell.BeginLife(bytes, region);
            return shell;
        }

        var index = ClassOf(size);
        if (index < _idle.Length && _idle[index].TryPop() is { } block)
        {
            block.BeginLife();
            return block;
        }

        return new MediaBuffer(this, GC.AllocateUninitializedArray<byte>(index < _idle.Length ? SizeOf(index) : LargestBlock, pinned: true));
    }

    /// <summary>An empty packet shell, for <see cref="Packet.Create"/>.</summary>
    internal virtual Packet RentPacket()
    {
        Interlocked.Increment(ref _rentedPackets);
        if (_packets.TryPop() is { } packet)
        {
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
        if (buffer.Region is { } region)
        {
            _pages.Return(region, buffer.Memory);
            _shells.TryPush(buffer);
            return;
        }

        var index = ClassOf(buffer.Capacity);
        if (index < _idle.Length)
        {
            _idle[index].TryPush(buffer);
        }
    }

    protected virtual void Return(Packet packet)
    {
        Interlocked.Decrement(ref _rentedPackets);
        _packets.TryPush(packet);
    }

    private static int ClassOf(int size)
    {
        if (size <= 1 << SmallestShift)
        {
            return 0;
        }

        var below = BitOperations.Log2((uint)size - 1);
        return (4 * (below - SmallestShift)) + ((size - 1 - (1 << below)) >> (below - 2)) + 1;
    }

    private static int SizeOf(int index) => (4 + (index & 3)) << ((index >> 2) + SmallestShift - 2);
}
