using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Feeds;

/// <summary>
/// Packets one behind the other in blocks of equal size, oldest first. A packet of its own costs an object, rounds up to a page and leaves gaps between others; what is kept
/// only for a reader that may come need not pay that. Not thread safe.
/// </summary>
internal sealed class PacketLog : IDisposable
{
    // The last block is half empty on average, and half of the first one has been dropped.
    private const int BlockSize = 4 << 10;

    private readonly Queue<MediaBuffer> _blocks = new();
    private readonly List<TrackUse> _tracks = [];
    private MediaBufferPool? _pool;
    private MediaBuffer? _last;

    // Where the oldest packet begins in the first block, and how much of the last one is filled.
    private int _begin;
    private int _end = BlockSize;

    /// <summary>DTS of the oldest packet, of which there is one.</summary>
    public MediaTime OldestDts => new(Oldest().Dts);

    /// <summary>Copies the packet, which stays the caller's.</summary>
    public void Append(Packet packet)
    {
        _pool ??= packet.Pool;
        var header = new Header(packet.Dts.Nanoseconds, packet.Pts.Nanoseconds, packet.Payload.Length, Use(packet.Track), packet.Flags);
        Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Header>(in header)));
        Write(packet.Payload.Span);
    }

    /// <returns>The bytes of its payload.</returns>
    public int DropOldest()
    {
        var header = Oldest();
        Skip(Header.Size + header.Length);
        Forget(header.Track);
        return header.Length;
    }

    /// <summary>The oldest packet, with a reference that the caller owns.</summary>
    public Packet TakeOldest()
    {
        var header = Oldest();
        Skip(Header.Size);
        var buffer = _pool!.Rent(header.Length);
        Copy(buffer.Span[..header.Length]);
        var packet = Packet.Create(_pool, _tracks[header.Track].Track!, new MediaTime(header.Dts), new MediaTime(header.Pts), header.Flags, buffer, buffer.Memory[..header.Length]);
        Skip(header.Length);
        Forget(header.Track);
        return packet;
    }

    public void Dispose()
    {
        while (_blocks.TryDequeue(out var block))
        {
            block.Release();
        }

        _last = null;
        _end = BlockSize;
    }

    private Header Oldest()
    {
        Header header = default;
        Copy(MemoryMarshal.AsBytes(new Span<Header>(ref header)));
        return header;
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_end == BlockSize)
            {
                _last = _pool!.Rent(BlockSize);
                _blocks.Enqueue(_last);
                _end = 0;
            }

            var part = Math.Min(bytes.Length, BlockSize - _end);
            bytes[..part].CopyTo(_last!.Span[_end..]);
            bytes = bytes[part..];
            _end += part;
        }
    }

    /// <summary>Fills <paramref name="bytes"/> from where the oldest packet, or what is left of it, begins.</summary>
    private void Copy(Span<byte> bytes)
    {
        var begin = _begin;
        foreach (var block in _blocks)
        {
            if (bytes.IsEmpty)
            {
                return;
            }

            var part = Math.Min(bytes.Length, BlockSize - begin);
            block.Span.Slice(begin, part).CopyTo(bytes);
            bytes = bytes[part..];
            begin = 0;
        }
    }

    private void Skip(int bytes)
    {
        _begin += bytes;
        while (_begin >= BlockSize)
        {
            var block = _blocks.Dequeue();
            block.Release();
            _begin -= BlockSize;
        }
    }

    /// <returns>The track's place, which is another's when no packet is on it any more.</returns>
    private ushort Use(Track track)
    {
        var place = -1;
        for (var i = 0; i < _tracks.Count; i++)
        {
            if (ReferenceEquals(_tracks[i].Track, track))
            {
                place = i;
                break;
            }

            if (_tracks[i].Packets == 0)
            {
                place = i;
            }
        }

        if (place < 0)
        {
            place = _tracks.Count;
            _tracks.Add(default);
        }

        _tracks[place] = new TrackUse(track, ReferenceEquals(_tracks[place].Track, track) ? _tracks[place].Packets + 1 : 1);
        return (ushort)place;
    }

    private void Forget(ushort place)
    {
        var left = _tracks[place].Packets - 1;
        _tracks[place] = left == 0 ? default : new TrackUse(_tracks[place].Track, left);
    }

    private readonly record struct TrackUse(Track? Track, int Packets);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Header(long Dts, long Pts, int Length, ushort Track, PacketFlags Flags)
    {
        public static readonly int Size = Unsafe.SizeOf<Header>();
    }
}
