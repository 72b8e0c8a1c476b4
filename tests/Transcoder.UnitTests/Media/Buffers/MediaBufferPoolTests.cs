using Transcoder.Media.Buffers;
using Xunit;

namespace Transcoder.UnitTests.Media.Buffers;

public sealed class MediaBufferPoolTests
{
    private const int RegionSize = 1 << 20;

    [Fact]
    public void A_block_is_never_smaller_than_asked_for_and_wastes_little_of_it()
    {
        var pool = new MediaBufferPool();
        for (var size = 257; size < 1 << 22; size = (size * 9 / 8) + 1)
        {
            foreach (var asked in new[] { size - 1, size, size + 1 })
            {
                // A page, or a quarter of the class below.
                var block = pool.Rent(asked);
                Assert.InRange(block.Capacity, asked, Math.Max(asked + 1023, asked * 5 / 4));
                block.Release();
            }
        }
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(256, 256)]
    [InlineData(257, 320)]
    [InlineData(1024, 1024)]
    [InlineData(1025, 2048)]
    [InlineData(1 << 18, 1 << 18)]
    [InlineData((1 << 18) + 1, 5 << 16)]
    [InlineData(1 << 24, 1 << 24)]
    [InlineData(MediaBufferPool.LargestBlock, MediaBufferPool.LargestBlock)]
    public void Sizes_are_rounded_up_and_what_comes_back_is_lent_again(int asked, int capacity)
    {
        var pool = new MediaBufferPool();
        var block = pool.Rent(asked);
        Assert.Equal(capacity, block.Capacity);
        block.Span[0] = 1;
        block.Release();
        var again = pool.Rent(capacity);
        Assert.Equal(capacity < MediaBufferPool.LargestBlock, ReferenceEquals(block, again));
        again.Release();
    }

    [Theory]
    [InlineData(300)]
    [InlineData(300_000)]
    public void The_block_that_came_back_last_is_lent_first(int size)
    {
        var pool = new MediaBufferPool();
        var blocks = Enumerable.Range(0, 3).Select(_ => pool.Rent(size)).ToArray();
        Array.ForEach(blocks, block => block.Release());
        Assert.Same(blocks[2], pool.Rent(size));
        Assert.Same(blocks[1], pool.Rent(size));
    }

    [Fact]
    public void Blocks_do_not_overlap_while_they_come_and_go()
    {
        var pool = new MediaBufferPool();
        var random = new Random(1);
        var held = new List<(MediaBuffer Block, byte Mark)>();
        for (var i = 0; i < 20_000; i++)
        {
            if (held.Count > 200 || (held.Count > 0 && random.Next(2) == 0))
            {
                var at = random.Next(held.Count);
                var (block, mark) = held[at];
                Assert.False(block.Span.ContainsAnyExcept(mark));
                block.Release();
                held[at] = held[^1];
                held.RemoveAt(held.Count - 1);
            }
            else
            {
                var block = pool.Rent(random.Next(random.Next(2) == 0 ? 4_000 : 60_000));
                block.Span.Fill((byte)i);
                held.Add((block, (byte)i));
            }
        }

        foreach (var (block, mark) in held)
        {
            Assert.False(block.Span.ContainsAnyExcept(mark));
            block.Release();
        }

        Assert.Equal(0, pool.RentedBuffers);
    }

    [Fact]
    public void Sizes_that_drift_take_the_place_of_those_before_them()
    {
        var pool = new MediaBufferPool();
        var held = new Queue<MediaBuffer>();
        foreach (var size in new[] { 20_000, 44_000, 17_000, 38_000, 54_000 })
        {
            // Each stream's next keyframe comes before its last one goes.
            foreach (var _ in Enumerable.Range(0, 100))
            {
                held.Enqueue(pool.Rent(size));
                if (held.Count > 100)
                {
                    held.Dequeue().Release();
                }
            }
        }

        // 5.4 MB are held; classes would have kept some blocks of each size besides.
        Assert.InRange(pool.IdleBytes, 0, 3 * RegionSize);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(10_000)]
    [InlineData(300_000)]
    public void A_burst_does_not_stay(int size)
    {
        var pool = new MediaBufferPool();
        var burst = Enumerable.Range(0, 64_000_000 / size).Select(_ => pool.Rent(size)).ToArray();
        Assert.InRange(pool.IdleBytes, 0, 1 << 20);
        Array.ForEach(burst, block => block.Release());
        Assert.InRange(pool.IdleBytes, size, 4 << 20);
    }

    [Fact]
    public void What_is_lent_and_returned_in_turn_allocates_nothing()
    {
        var pool = new MediaBufferPool();
        // The runtime allocates now and then on the thread that it finds, as when a method is compiled anew: not each time.
        var allocated = Enumerable.Range(0, 5).Min(_ => Allocated(pool));
        Assert.Equal(0, allocated);
    }

    private static long Allocated(MediaBufferPool pool)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            foreach (var size in (ReadOnlySpan<int>)[200, 900, 3_000, 40_000, 200_000, 500_000])
            {
                pool.Rent(size).Release();
            }
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
