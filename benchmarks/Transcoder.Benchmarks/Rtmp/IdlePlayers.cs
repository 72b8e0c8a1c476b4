using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving;
using Transcoder.Host.Serving.Connections;
using Transcoder.LoadGenerator;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Ports;
using Transcoder.Rtmp;
using Transcoder.Streams;

namespace Transcoder.Benchmarks.Rtmp;

/// <summary>Players of a stream of which nothing comes: what each keeps in managed memory. Alone in the process while it runs: what others allocate would count.</summary>
internal sealed class IdlePlayers : IAsyncDisposable
{
    private const int WarmUp = 16;
    private const int Batches = 5;
    private const int PerBatch = 52;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<Socket> _clients = [];
    private readonly List<Task> _sessions = [];
    private readonly FrontDoor _door;
    private readonly StreamRegistry _registry;
    private readonly RtmpConnectionHandler _handler;
    private readonly GuardedTransport _transport;

    private IdlePlayers()
    {
        var options = ConfigurationFile.Parse("apps: { live: {} }").Options!;
        _door = new FrontDoor(options, TimeProvider.System, NullLoggerFactory.Instance);
        _registry = new StreamRegistry(Policies.OfApps(options).GetValueOrDefault, _door.Access, TimeProvider.System, NullLogger<StreamRegistry>.Instance);
        _handler = new RtmpConnectionHandler(
            new RtmpApplication(_registry, _door.Access), Policies.RtmpOf(options), new MediaBufferPool(), new RtmpStatistics(), TimeProvider.System,
            NullLogger<RtmpConnectionHandler>.Instance);
        _transport = new GuardedTransport(_door.Gate, NullLoggerFactory.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        _handler.EndAll(new Reason(Reasons.Shutdown, "measured"));
        _clients.ForEach(client => client.Dispose());
        await Task.WhenAll(_sessions).WaitAsync(Patience);
        await _handler.DisposeAsync();
        _registry.Shutdown();
        _registry.Dispose();
        _transport.Dispose();
        await _door.DisposeAsync();
    }

    public static async Task<double> MeasureAsync()
    {
        await using var players = new IdlePlayers();
        return await players.BytesEachAsync();
    }

    private async Task<double> BytesEachAsync()
    {
        await _registry.PublishAsync(new AccessRequest("live", "silent", null, "peer"), default);
        var listener = await _transport.BindAsync(new GuardedEndPoint(new IPEndPoint(IPAddress.Loopback, 0), isPlain: true), default);
        await PlayAsync(listener, WarmUp);
        var each = await GrowthAsync(() => PlayAsync(listener, PerBatch));
        await listener.DisposeAsync();
        return _sessions.TrueForAll(session => !session.IsCompleted) ? each - await SocketsAsync() : throw new InvalidOperationException("a player was sent away");
    }

    /// <summary>The median batch's: what the runtime sets up or gives up once, a MiB now and then, is in one of them.</summary>
    private static async Task<double> GrowthAsync(Func<Task> batch)
    {
        var growths = new List<double>();
        for (var i = 0; i < Batches; i++)
        {
            var before = Settled();
            await batch();
            growths.Add(Settled() - before);
        }

        return Figures.MedianOf(growths) / PerBatch;
    }

    private async Task PlayAsync(IConnectionListener listener, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            _clients.Add(client);
            await client.ConnectAsync(listener.EndPoint);
            _sessions.Add(_handler.OnConnectedAsync((await listener.AcceptAsync())!));
            await IdleConnections.ConnectAsync(client, "rtmp://127.0.0.1/live").WaitAsync(Patience);
            await IdleConnections.PlayAsync(client, "silent").WaitAsync(Patience);
        }
    }

    /// <summary>What a client costs, which is in this process too: a socket that has sent and received.</summary>
    private async Task<double> SocketsAsync()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen();
        return await GrowthAsync(async () =>
        {
            for (var i = 0; i < PerBatch / 2; i++)
            {
                var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await client.ConnectAsync(listener.LocalEndPoint!);
                var server = await listener.AcceptAsync();
                _clients.AddRange([client, server]);
                await client.SendAsync(new byte[1]);
                await server.ReceiveAsync(new byte[1]);
                await server.SendAsync(new byte[1]);
                await client.ReceiveAsync(new byte[1]);
            }
        });
    }

    /// <summary>What is left when all has been collected that nobody holds.</summary>
    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
