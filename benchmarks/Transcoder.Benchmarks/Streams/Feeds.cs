using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Streams.Feeds;

namespace Transcoder.Benchmarks.Streams;

/// <summary>One packet through a feed: published, and taken by each reader, which had been waiting for it.</summary>
public class Feeds
{
    private const int Readers = 100;

    private readonly MediaBufferPool _pool = new();
    private readonly StreamFeed _alone = new(new FeedLimits(), TimeProvider.System);
    private readonly StreamFeed _watched = new(new FeedLimits(), TimeProvider.System);
    private readonly ValueTask<bool>[] _waiting = new ValueTask<bool>[Readers];
    private FeedReader[] _readers = [];
    private long _time;

    [GlobalSetup]
    public void Subscribe() => _readers = [.. Enumerable.Range(0, Readers).Select(_ => _watched.Subscribe())];

    [Benchmark]
    public void PublishUnwatched()
    {
        _alone.Publish(MediaSamples.Picture(_pool, _time));
        _time += 40;
    }

    [Benchmark(OperationsPerInvoke = Readers)]
    public void PublishAndReadPerReader()
    {
        for (var i = 0; i < Readers; i++)
        {
            _waiting[i] = _readers[i].WaitToReadAsync(CancellationToken.None);
        }

        _watched.Publish(MediaSamples.Picture(_pool, _time));
        _time += 40;
        for (var i = 0; i < Readers; i++)
        {
            // Woken by the pool.
            var spin = new SpinWait();
            while (!_waiting[i].IsCompleted)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            if (!_waiting[i].Result || !_readers[i].TryRead(out var packet))
            {
                throw new InvalidOperationException("a packet was published and not read");
            }

            packet.Release();
        }
    }
}
