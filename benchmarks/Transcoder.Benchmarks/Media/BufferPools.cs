using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Time;

namespace Transcoder.Benchmarks.Media;

public class BufferPools
{
    private readonly MediaBufferPool _pool = new();

    [Benchmark]
    public void RentAndRelease() => _pool.Rent(MediaSamples.PictureBytes).Release();

    [Benchmark]
    public void CopyPacketAndRelease() => MediaSamples.Picture(_pool, 0).Release();

    [Benchmark]
    public void RetimePacketAndRelease()
    {
        var packet = MediaSamples.Sound(_pool, 0);
        packet.Retimed(MediaTime.Zero, MediaTime.Zero, packet.Flags).Release();
        packet.Release();
    }
}
