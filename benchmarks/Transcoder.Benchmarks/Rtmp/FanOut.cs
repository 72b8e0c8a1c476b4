using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;
using Transcoder.Streams.Feeds;

namespace Transcoder.Benchmarks.Rtmp;

/// <summary>From a published picture to the subscribers' connections: the image is made once, the rest is the price of one subscriber.</summary>
public class FanOut
{
    private const int Subscribers = 100;

    private readonly MediaBufferPool _pool = new();
    private readonly StreamFeed _feed = new(new FeedLimits(), TimeProvider.System);
    private readonly (FeedReader Reader, ImagePump Pump)[] _subscribers = new (FeedReader, ImagePump)[Subscribers];
    private readonly MessageMuxer _muxer;
    private long _time;

    public FanOut() => _muxer = new MessageMuxer(_pool, RtmpOptions.Default.ChunkSize);

    [GlobalSetup]
    public void Subscribe()
    {
        var statistics = new RtmpStatistics();
        for (var i = 0; i < Subscribers; i++)
        {
            var writer = new ConnectionWriter(new OpenOutput(), TimeProvider.System, statistics, RtmpOptions.Default.MaxQueuedAnswers);
            _subscribers[i] = (_feed.Subscribe(), new ImagePump(writer, new MessageComposer(_muxer, publishing: false), MessageMuxer.StreamId, RtmpOptions.Default.BatchBytes, static exception => throw exception));
        }
    }

    [Benchmark]
    public void MakeImage()
    {
        var packet = MediaSamples.Picture(_pool, 40);
        var run = PacketRun.Begin();
        run.Add(packet);
        _ = _muxer.ImageOf(run);
        run.Release();
        packet.Release();
    }

    [Benchmark(OperationsPerInvoke = Subscribers)]
    public void PerSubscriber()
    {
        Packet packet = MediaSamples.Picture(_pool, _time);
        _time += 40;
        _feed.Publish(packet);
        foreach (var (reader, pump) in _subscribers)
        {
            var written = pump.WriteAsync(reader, CancellationToken.None);
            if (!written.IsCompletedSuccessfully || !written.Result)
            {
                throw new InvalidOperationException("a connection that takes everything made the pump wait");
            }
        }
    }
}

/// <summary>Takes what it is given.</summary>
internal sealed class OpenOutput : IConnectionOutput
{
    public long Parts => 0;

    public int TrySend(ReadOnlySpan<byte> bytes) => bytes.Length;

    public void Approach()
    {
    }

    public void Add(ArraySegment<byte> bytes)
    {
    }

    public ValueTask<bool> FlushAsync() => new(true);

    public ValueTask CompleteAsync() => default;
}
