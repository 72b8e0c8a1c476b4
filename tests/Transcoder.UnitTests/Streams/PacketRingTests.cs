using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class PacketRingTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new(traces: false);
    private readonly PacketRing _ring = new();

    public void Dispose()
    {
        _ring.Clear();
        _pool.Dispose();
    }

    /// <summary>Appended, dropped, packed and unpacked in any order, a ring holds what a list of copies holds.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_packed_ring_holds_the_same_packets(int seed)
    {
        var random = new Random(seed);
        var tracks = Enumerable.Range(0, 5).Select(i => new Track(i % 2 == 0 ? TrackKind.Video : TrackKind.Audio, CodecId.H264, new[] { (byte)i })).ToArray();
        var kept = new Queue<(Track Track, long Dts, long Pts, PacketFlags Flags, byte[] Payload)>();
        for (var step = 0; step < 4000; step++)
        {
            switch (random.Next(20))
            {
                case 0:
                    _ring.Pack();
                    break;
                case 1:
                    _ring.Unpack();
                    Assert.Equal(kept.Count, _ring.Count);
                    foreach (var (i, copy) in kept.Index())
                    {
                        var packet = _ring[_ring.Tail + i];
                        Assert.Same(copy.Track, packet.Track);
                        Assert.Equal((copy.Dts, copy.Pts, copy.Flags), (packet.Dts.Nanoseconds, packet.Pts.Nanoseconds, packet.Flags));
                        Assert.True(packet.Payload.Span.SequenceEqual(copy.Payload));
                    }

                    break;
                case < 10 when kept.Count > 0:
                    _ring.DropOldest();
                    kept.Dequeue();
                    break;
                default:
                    var payload = new byte[random.Next(3) switch { 0 => 0, 1 => random.Next(300), _ => random.Next(20_000) }];
                    random.NextBytes(payload);
                    var added = (tracks[random.Next(tracks.Length)], random.NextInt64(), random.NextInt64(), (PacketFlags)random.Next(32), payload);
                    kept.Enqueue(added);
                    _ring.Append(Packet.Copy(_pool, added.Item1, new MediaTime(added.Item2), new MediaTime(added.Item3), added.Item4, payload));
                    break;
            }

            Assert.Equal((kept.Count, kept.Sum(packet => packet.Payload.Length)), (_ring.Count, _ring.Bytes));
            Assert.Equal(_ring.Head, _ring.Tail + kept.Count);
            if (kept.Count > 0)
            {
                Assert.Equal(kept.Peek().Dts, _ring.OldestDts.Nanoseconds);
            }
        }
    }

    [Fact]
    public void A_packed_ring_takes_little_more_than_its_bytes()
    {
        _ring.Pack();
        for (var i = 0; i < 200; i++)
        {
            _ring.Append(_pool.Video(i, size: 1000));
            if (i >= 100)
            {
                _ring.DropOldest();
            }
        }

        // 100 KB in blocks of 4 KiB, and one more at the most.
        Assert.Equal(0, _pool.RentedPackets);
        Assert.InRange(_pool.RentedBuffers, 25, 26);
        _ring.Clear();
        Assert.Equal((0, 0), (_pool.RentedBuffers, _ring.Bytes));
    }

    [Fact]
    public void A_ring_that_was_cleared_goes_on()
    {
        _ring.Append(_pool.Video(0));
        _ring.Pack();
        _ring.Clear();
        _ring.Append(_pool.Video(40));
        Assert.Equal(40, _ring[1].Dts.Milliseconds);
    }

    [Fact]
    public void Many_tracks_that_each_have_one_packet_do_not_pile_up()
    {
        _ring.Pack();
        for (var i = 0; i < 70_000; i++)
        {
            var track = new Track(TrackKind.Video, CodecId.H264, new byte[] { 1 });
            _ring.Append(Packet.Copy(_pool, track, MediaTime.Zero, MediaTime.Zero, PacketFlags.None, [1]));
            if (_ring.Count > 3)
            {
                _ring.DropOldest();
            }
        }

        _ring.Unpack();
        Assert.Equal(3, Enumerable.Range(0, 3).Select(i => _ring[_ring.Tail + i].Track).Distinct(ReferenceEqualityComparer.Instance).Count());
    }
}
