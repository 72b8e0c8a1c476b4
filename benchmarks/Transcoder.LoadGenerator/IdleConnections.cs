using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>
/// What a connection costs that does nothing: half-open, connected without playing, and playing a stream of which nothing comes. A publisher and ten players
/// go on meanwhile and must lose nothing.
/// </summary>
internal static class IdleConnections
{
    private const int HandshakeBytes = 1536;
    private const int Together = 64;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static async Task MeasureAsync(LoadPlan plan, ServerProcess server, int connections, TextWriter output, CancellationToken stop)
    {
        var pool = new MediaBufferPool();
        var client = new RtmpClient(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System);
        var clip = RecordedClip.Read(plan.File, plan.BitsPerSecond);
        RtmpUrl UrlOf(string name) => RtmpUrl.TryParse($"{server.Application}/{name}", out var url) ? url : throw new ArgumentException(server.Application);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var publisher = new StampedPublisher(client, pool, clip, UrlOf("load0"), new RunClock(TimeProvider.System));
        var publishing = publisher.RunAsync(ending.Token);
        await using var silent = await client.PublishAsync(UrlOf("silent"), stop);
        await Task.Delay(Settle, stop);
        var delays = new DelayHistogram();
        var viewers = Enumerable.Range(0, 10).Select(_ => new Viewer(client, false, publisher, UrlOf("load0"), delays)).ToArray();
        await Task.WhenAll(viewers.Select(viewer => viewer.StartAsync(stop)));
        await Task.Delay(Settle, stop);
        var from = publisher.Sent;
        Array.ForEach(viewers, viewer => viewer.CountFrom(from));

        foreach (var (name, open) in new (string, Func<Socket, Task>)[]
        {
            ("half-open handshakes", socket => socket.SendAsync(new byte[] { 3 })),
            ("connected, idle", socket => ConnectAsync(socket, server.Application)),
            ("waiting players", async socket =>
            {
                await ConnectAsync(socket, server.Application);
                await PlayAsync(socket, "silent");
            }),
        })
        {
            var (before, cpu, started) = (server.Figures.ResidentBytes(), server.Figures.CpuSeconds(), Stopwatch.GetTimestamp());
            var sockets = new List<Socket>();
            try
            {
                while (sockets.Count < connections)
                {
                    var batch = Enumerable.Range(0, Math.Min(Together, connections - sockets.Count)).Select(_ => new Socket(SocketType.Stream, ProtocolType.Tcp)).ToArray();
                    sockets.AddRange(batch);
                    await Task.WhenAll(batch.Select(async socket =>
                    {
                        await socket.ConnectAsync("127.0.0.1", server.Port, stop);
                        await open(socket);
                    })).WaitAsync(Patience, stop);
                }

                var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
                await Task.Delay(Settle, stop);
                var alive = sockets.Count(socket => !(socket.Poll(0, SelectMode.SelectRead) && socket.Available == 0));
                output.WriteLine($"{server.Name,-14} {connections} {name}: {(server.Figures.ResidentBytes() - before) / 1024.0 / connections:0.0} KiB each, {(server.Figures.CpuSeconds() - cpu) / connections * 1e6:0} us of CPU each, all there after {took:0.0} s, {alive} still open");
            }
            finally
            {
                sockets.ForEach(socket => socket.Dispose());
            }

            await Task.Delay(Settle, stop);
        }

        var until = publisher.Sent;
        Array.ForEach(viewers, viewer => viewer.CountTo(until));
        await Task.Delay(Settle, stop);
        output.WriteLine($"{server.Name,-14} meanwhile {viewers.Length} players: {viewers.Sum(viewer => viewer.Arrivals[0].Missing)} packets missing, {viewers.Sum(viewer => viewer.Arrivals[0].Stalls)} stalls, delay {delays.Milliseconds(0.5):0.0}/{delays.Milliseconds(0.99):0.0} ms");
        foreach (var viewer in viewers)
        {
            await viewer.DisposeAsync();
        }

        await ending.CancelAsync();
        await publishing;
    }

    internal static async Task ConnectAsync(Socket socket, string application)
    {
        var c0c1 = new byte[1 + HandshakeBytes];
        c0c1[0] = 3;
        await socket.SendAsync(c0c1);
        var answer = new byte[1 + (2 * HandshakeBytes)];
        await ReceiveAsync(socket, answer);
        var connect = Command("connect", 1, body =>
        {
            body.WriteByte(3);
            Name(body, "app");
            Text(body, "live");
            Name(body, "tcUrl");
            Text(body, application);
            body.Write([0, 0, 9]);
        });
        await socket.SendAsync((byte[])[.. answer.AsSpan(1, HandshakeBytes), .. connect]);
        await ReceiveAsync(socket, new byte[64]);
    }

    internal static async Task PlayAsync(Socket socket, string stream)
    {
        await socket.SendAsync((byte[])
        [
            .. Command("createStream", 2, body => body.WriteByte(5)),
            .. Command("play", 3, body =>
            {
                body.WriteByte(5);
                Text(body, stream);
            }, streamId: 1),
        ]);
        await ReceiveAsync(socket, new byte[64]);
    }

    private static async Task ReceiveAsync(Socket socket, Memory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var read = await socket.ReceiveAsync(bytes);
            bytes = read > 0 ? bytes[read..] : throw new IOException("the server closed the connection");
        }
    }

    /// <summary>A command in chunks of 128 bytes. Written by hand: what the server's own code made would say less.</summary>
    private static byte[] Command(string name, double transaction, Action<MemoryStream> arguments, byte streamId = 0)
    {
        var body = new MemoryStream();
        Text(body, name);
        body.WriteByte(0);
        var number = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(number, transaction);
        body.Write(number);
        arguments(body);
        var message = new MemoryStream();
        message.Write([3, 0, 0, 0, 0, (byte)(body.Length >> 8), (byte)body.Length, 20, streamId, 0, 0, 0]);
        foreach (var (i, chunk) in body.ToArray().Chunk(128).Index())
        {
            if (i > 0)
            {
                message.WriteByte(0xC3);
            }

            message.Write(chunk);
        }

        return message.ToArray();
    }

    private static void Text(MemoryStream body, string text)
    {
        body.WriteByte(2);
        Name(body, text);
    }

    private static void Name(MemoryStream body, string name)
    {
        body.Write([0, (byte)name.Length]);
        body.Write(Encoding.ASCII.GetBytes(name));
    }
}
