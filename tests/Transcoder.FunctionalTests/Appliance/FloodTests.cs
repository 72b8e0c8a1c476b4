using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>
/// Who is there loses nothing to who knocks. The sizes are small here; FLOOD_SCALE=10 makes them those that the product is judged by:
/// 5,000 idle connections, 2,000 half-open handshakes.
/// </summary>
public sealed class FloodTests(ITestOutputHelper output)
{
    private static readonly int Scale = int.Parse(Environment.GetEnvironmentVariable("FLOOD_SCALE") ?? "1", CultureInfo.InvariantCulture);
    private static readonly IPAddress Flooder = IPAddress.Parse("127.0.0.9");
    private static readonly IPAddress Crowd = IPAddress.Parse("127.0.0.5");

    private static readonly int Seconds = Scale == 1 ? 12 : 60;
    private const string Open = "apps:\n  live: { reconnect_grace: 0s }\n";

    [Fact]
    public async Task Idle_connections_and_half_open_handshakes_cost_the_others_no_packet()
    {
        var (idle, halfOpen) = (500 * Scale, 200 * Scale);
        await using var appliance = await RunningAppliance.StartAsync(Open, 0, null, "limits: { trusted: [127.0.0.1, 127.0.0.5] }");
        await PublishAndPlayAsync(appliance, async () =>
        {
            var sockets = new List<Socket>();
            try
            {
                for (var i = 0; i < idle + halfOpen; i++)
                {
                    sockets.Add(await ConnectAsync(Crowd, appliance.RtmpPort));
                    if (i >= idle)
                    {
                        await TrySendAsync(sockets[^1], [3, .. new byte[700]]);
                    }
                }

                // All are in; how many still are is up to the handshake's deadline.
                await Polling.UntilAsync(
                    async () => await appliance.MetricAsync("transcoder_rtmp_connections_total", "role=\"any\"") >= idle + halfOpen, "all connections were taken");
                var open = await appliance.MetricAsync("transcoder_rtmp_connections", "role=\"any\"");
                var memory = await appliance.MetricAsync("process_working_set_bytes");
                output.WriteLine($"{idle} idle and {halfOpen} half-open connections asked for; {open} are open, the daemon takes {memory / (1 << 20):0} MiB, {await appliance.MetricAsync("transcoder_rtmp_refused_total")} were refused");
            }
            finally
            {
                sockets.ForEach(socket => socket.Dispose());
            }
        });
    }

    [Fact]
    public async Task A_connect_flood_from_one_address_is_turned_away_in_the_accept_loop_and_in_few_lines()
    {
        var attempts = 2000 * Scale;
        await using var appliance = await RunningAppliance.StartAsync(Open, 0, null, "limits: { trusted: [127.0.0.1] }");
        await PublishAndPlayAsync(appliance, async () =>
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < attempts; i++)
            {
                await KnockAsync(appliance.RtmpPort);
            }

            var took = Stopwatch.GetElapsedTime(started);

            // What the kernel has taken waits in its queue, on a busy machine for a while.
            var refused = 0.0;
            await Polling.UntilAsync(
                async () => (refused = await appliance.MetricAsync("transcoder_rtmp_refused_total", "address_")) >= attempts - 200 - (60 * Stopwatch.GetElapsedTime(started).TotalSeconds),
                "the refusals",
                () => $"{refused} of {attempts}",
                TimeSpan.FromSeconds(20));
            output.WriteLine($"{attempts} connections in {took.TotalSeconds:0.0} s, {attempts / took.TotalSeconds:0} a second; {refused} refused");
            Assert.InRange(refused, 0, attempts);
        });

        var lines = appliance.LogLines("refused");
        output.WriteLine(string.Join('\n', lines));
        Assert.InRange(lines.Count, 1, 12);
    }

    /// <summary>A publisher of so many seconds and three players, who must get each of its pictures, while something happens.</summary>
    private async Task PublishAndPlayAsync(RunningAppliance appliance, Func<Task> meanwhile)
    {
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/calm"), loops: -1, seconds: Seconds);
        await using var one = await Recording.StartAsync(appliance.Url("live/calm"));
        await using var two = await Recording.StartAsync(appliance.Url("live/calm"));
        await using var three = await Recording.StartAsync(appliance.Url("live/calm"));
        await three.MoreVideoAsync(15);
        var cpu = await appliance.MetricAsync("process_cpu_seconds_total");
        await meanwhile();
        output.WriteLine($"the daemon took {await appliance.MetricAsync("process_cpu_seconds_total") - cpu:0.0} s of CPU");
        Assert.False(publisher.HasExited, "the publisher ended before the flood did");
        foreach (var recording in new[] { one, two, three })
        {
            await recording.EndAsync();
            Timelines.AssertOrdered(recording);
            Assert.Equal(one.Video[^1].Pts, recording.Video[^1].Pts);

            // 30 frames a second; where the clip begins again FFmpeg may leave one out.
            Assert.All(recording.Video.Zip(recording.Video.Skip(1)), pair => Assert.InRange(pair.Second.Dts - pair.First.Dts, 1, 67));
        }

        Assert.Equal(0, await publisher.ExitAsync());
        Assert.Empty(appliance.LogLines("this is a defect"));
    }

    private static async Task<Socket> ConnectAsync(IPAddress from, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(from, 0));
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task KnockAsync(int port)
    {
        try
        {
            using var socket = await ConnectAsync(Flooder, port);
            await TrySendAsync(socket, [3]);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Refused before we knew that we were connected.
        }
    }

    private static async Task TrySendAsync(Socket socket, byte[] bytes)
    {
        try
        {
            await socket.SendAsync(bytes);
        }
        catch (SocketException)
        {
            // Refused already.
        }
    }
}
