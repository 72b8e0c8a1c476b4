using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Streams.Workers;

namespace Transcoder.Benchmarks.Streams;

/// <summary>A packet on its way to a worker: into the staging buffer, and out with the next flush.</summary>
public class WorkerLinkStaging
{
    private readonly WorkerLink _link;
    private readonly Packet _packet;

    public WorkerLinkStaging()
    {
        var pool = new MediaBufferPool();
        _link = new WorkerLink(Stream.Null, pool);
        _packet = MediaSamples.Picture(pool, 40);
    }

    [Benchmark]
    public void StageAndFlush()
    {
        _link.Stage(_packet, lagMilliseconds: 0);
        if (!_link.FlushAsync(CancellationToken.None).IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("a stream that takes everything made the link wait");
        }
    }
}
