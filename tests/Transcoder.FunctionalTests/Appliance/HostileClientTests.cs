using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class HostileClientTests
{
    // RTMP 1.0 §5.2: version, then 1536 bytes.
    private const int HandshakeSize = 1537;

    private static readonly byte[] TlsClientHello =
    [
        0x16, 3, 1, 0, 0x2D, 1, 0, 0, 0x29, 3, 3, .. Enumerable.Range(0, 32).Select(i => (byte)i), 0, 0, 2, 0x13, 1, 1, 0,
    ];

    [Fact]
    public async Task Garbage_costs_its_sender_the_connection_and_one_log_line_and_nobody_else_anything()
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/calm"));
        await using var source = await Recording.StartAsync(appliance.Url("live/calm"));
        await using var rendition = await Recording.StartAsync(appliance.Url("live/calm_180p"));
        await rendition.MoreVideoAsync(30);

        var random = new byte[8192];
        new Random(1).NextBytes(random);
        random[0] = 0xC7;
        await AssertRefusedAsync(appliance, random, "not_rtmp");
        await AssertRefusedAsync(appliance, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "http_on_rtmp_port");
        await AssertRefusedAsync(appliance, TlsClientHello, "tls_on_plain_port");

        // Half a handshake, then gone.
        await AssertRefusedAsync(appliance, [3, .. RandomNumberGenerator.GetBytes(700)], "client_closed", leaves: true);

        // A whole handshake and then noise.
        var noise = new byte[HandshakeSize + 1536 + 4000];
        new Random(2).NextBytes(noise);
        noise[0] = 3;
        await AssertRefusedAsync(appliance, noise, "protocol_error");
        await AssertTruncatedPublishAsync(appliance);

        await Task.WhenAll(source.MoreVideoAsync(30), rendition.MoreVideoAsync(30));
        Assert.True(source.IsPlaying && rendition.IsPlaying);
        Assert.False(publisher.HasExited);
        Timelines.AssertOrdered(rendition);
        Assert.Equal(0, (await appliance.RunningAsync("live", "calm")).Transcoder!.WorkerDeaths);
        Assert.Empty(appliance.LogLines("this is a defect"));
    }

    private static async Task AssertRefusedAsync(RunningAppliance appliance, byte[] bytes, string reason, bool leaves = false)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, appliance.RtmpPort);
        var address = $"127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}";
        await socket.SendAsync(bytes);
        if (leaves)
        {
            socket.Shutdown(SocketShutdown.Both);
        }

        await AssertClosedAsync(socket);
        await appliance.LogLineAsync(address, reason);
        Assert.Single(appliance.LogLines(address));
    }

    /// <summary>A publisher that dies in the middle of a picture.</summary>
    private static async Task AssertTruncatedPublishAsync(RunningAppliance appliance)
    {
        Socket? socket = null;
        await using var publisher = await ScriptedPublisher.ConnectAsync(appliance.Url("live/cut"), async (url, cancellationToken) =>
        {
            socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(url.Host, url.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        });
        var address = $"127.0.0.1:{((IPEndPoint)socket!.LocalEndPoint!).Port}";
        await publisher.SendAsync(Clips.FilmSeconds(1));

        // RTMP 1.0 §5.3.1.2: a full header of a video message of 50 000 bytes on chunk stream 6, and 100 of them.
        await socket.SendAsync((byte[])[6, 0, 4, 0, 0, 0xC3, 0x50, 9, 1, 0, 0, 0, 0x27, 1, .. new byte[98]]);
        socket.Shutdown(SocketShutdown.Both);

        await appliance.LogLineAsync($"publisher {address} of live/cut ended after", "publisher_disconnected");
        Assert.Single(appliance.LogLines(address, " ended"));
    }

    private static async Task AssertClosedAsync(Socket socket)
    {
        using var deadline = new CancellationTokenSource(Polling.Patience);
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, deadline.Token) > 0)
            {
                // Our half of a handshake may have been answered.
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            // Closed with bytes unread.
        }
    }
}
