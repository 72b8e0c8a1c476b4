using Transcoder.Media.Buffers;
using Xunit;

namespace Transcoder.UnitTests.Media.Buffers;

public sealed class MediaBufferPoolTests
{
    [Fact]
    public void A_block_is_never_smaller_than_asked_for_and_wastes_less_than_half_of_it()
    {
        var pool = new MediaBufferPool();
        for (var size = 257; size < 1 << 22; size = (size * 9 / 8) + 1)
        {
            foreach (var asked in new[] { size - 1, size, size + 1 })
            {
                var block = pool.Rent(asked);
                Assert.InRange(block.Capacity, asked, asked * 3 / 2);
                block.Release();
            }
        }
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(256, 256)]
    [InlineData(257, 384)]
    [InlineData(384, 384)]
    [InlineData(385, 512)]
    [InlineData(1 << 24, 1 << 24)]
    [InlineData(MediaBufferPool.LargestBlock, MediaBufferPool.LargestBlock)]
    public void Sizes_fall_into_their_classes_and_come_back_from_them(int asked, int capacity)
    {
        var pool = new MediaBufferPool();
        var block = pool.Rent(asked);
        Assert.Equal(capacity, block.Capacity);
        block.Release();
        var again = pool.Rent(capacity);
        Assert.Equal(capacity < MediaBufferPool.LargestBlock, ReferenceEquals(block, again));
        again.Release();
    }

    [Fact]
    public void An_idle_block_up_to_twice_as_large_is_taken_before_a_new_one_is_made()
    {
        var pool = new MediaBufferPool();
        var idle = pool.Rent(3072);
        idle.Release();
        var small = pool.Rent(1024);
        Assert.Equal(1024, small.Capacity);
        var borrowed = pool.Rent(1500);
        Assert.Same(idle, borrowed);
        Assert.Equal(1536, pool.Rent(1500).Capacity);
        borrowed.Release();
        Assert.Same(idle, pool.Rent(3000));
    }
}
