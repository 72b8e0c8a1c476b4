using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using BenchmarkDotNet.Attributes;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;
using Transcoder.Streams.Feeds;

namespace Transcoder.Benchmarks.Rtmp;

/// <summary>The usual way of a picture to a player: given to those who wait by the thread that publishes it, and sent by one system call.</summary>
public class Delivery
{
    // As many as one row gives out where it is published.
    private const int Subscribers = 90;

    private readonly MediaBufferPool _pool = new();
    private readonly StreamFeed _feed = new(new FeedLimits(), TimeProvider.System);
    private readonly Socket _client = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly byte[] _received = new byte[64 << 10];
    private readonly MessageMuxer _muxer;
    private ConnectionWriter? _connection;
    private WireImage? _image;
    private int _given;
    private long _time;

    public Delivery() => _muxer = new MessageMuxer(_pool, RtmpOptions.Default.ChunkSize);

    [GlobalSetup]
    public void Connect()
    {
        _feed.Publish(MediaSamples.Picture(_pool, _time));
        for (var i = 0; i < Subscribers; i++)
        {
            var pump = new ImagePump(Writer(new OpenOutput()), new MessageComposer(_muxer, publishing: false), MessageMuxer.StreamId, RtmpOptions.Default.BatchBytes, static exception => throw exception);
            var reader = _feed.Subscribe();
            reader.DeliverTo(new Receiver(this, pump));
            _ = pump.WriteAsync(reader, CancellationToken.None);
            _ = reader.WaitToReadAsync(CancellationToken.None);
        }

        // What does not arrive is an error, not a gate that never ends.
        _client.ReceiveTimeout = 10_000;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _client.Connect(listener.LocalEndpoint);
        _connection = Writer(new SocketOutput(listener.AcceptSocket(), new Pipe().Writer));
        var packet = MediaSamples.Picture(_pool, 0);
        var run = PacketRun.Begin();
        run.Add(packet);
        packet.Release();
        _image = _muxer.ImageOf(run);
    }

    [Benchmark(OperationsPerInvoke = Subscribers)]
    public void PerSubscriber()
    {
        _given = 0;
        _time += 40;
        _feed.Publish(MediaSamples.Picture(_pool, _time));
        if (_given != Subscribers)
        {
            throw new InvalidOperationException($"{_given} of {Subscribers} players were given the picture");
        }
    }

    [Benchmark]
    public void ToSocket()
    {
        if (!_connection!.TryWrite(_image!))
        {
            throw new InvalidOperationException("a socket with room took nothing");
        }

        for (var left = _image!.Length; left > 0;)
        {
            left -= _client.Receive(_received);
        }
    }

    private static ConnectionWriter Writer(IConnectionOutput output) => new(output, TimeProvider.System, new RtmpStatistics(), RtmpOptions.Default.MaxQueuedAnswers);

    private sealed class Receiver(Delivery owner, ImagePump pump) : IRunReceiver
    {
        public void Approach() => pump.Approach();

        public bool TryTake(PacketRun run)
        {
            owner._given++;
            return pump.TryTake(run);
        }
    }
}
