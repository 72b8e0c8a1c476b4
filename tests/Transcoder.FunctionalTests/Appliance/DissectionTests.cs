using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>An independent reader of the protocol, Wireshark's, looks at whole conversations: of our server with FFmpeg, and of our push client with our server.</summary>
public sealed class DissectionTests
{
    private const string Dissector = "/usr/bin/tshark";

    [Fact]
    public async Task Wireshark_finds_no_malformed_packet_in_our_conversations()
    {
        Assert.SkipUnless(File.Exists(Dissector), "tshark is not installed");
        var port = FreePort();
        await using var appliance = await RunningAppliance.StartAsync(
            $"apps:\n  live: {{ push: [{{ url: \"rtmp://127.0.0.1:{port}/out/{{stream}}\", renditions: [source] }}] }}\n  out: {{}}\n", port);
        var file = Path.Combine(Path.GetTempPath(), $"transcoder-{port}.pcapng");
        try
        {
            await using (var capture = ChildProcess.Start(Dissector, "-i", "lo", "-f", $"tcp port {port}", "-s", "0", "-w", file))
            {
                await Polling.UntilAsync(() => capture.HasExited || capture.Lines.Any(line => line.Contains("Capturing on", StringComparison.Ordinal)), "the capture's begin", () => string.Join('\n', capture.Lines));
                Assert.SkipWhen(capture.HasExited, $"nothing can be captured here: {string.Join(' ', capture.Lines)}");
                await using (var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/dissected")))
                {
                    foreach (var path in (string[])["live/dissected", "out/dissected"])
                    {
                        await Polling.UntilAsync(async () => await appliance.FindAsync(path.Split('/')[0], "dissected") is { Media.VideoPackets: > 0 }, $"the stream {path}");
                        await ChildProcess.RunAsync("ffmpeg", "-nostdin", "-v", "error", "-i", appliance.Url(path), "-t", "3", "-c", "copy", "-f", "null", "-");
                    }

                    await publisher.StopAsync();
                }

                await Polling.UntilAsync(async () => (await appliance.StreamsAsync()).Streams.Count == 0, "the streams' ends");
                capture.Signal(ChildProcess.SigInt);
                await capture.ExitAsync();
            }

            Assert.True(await CountAsync(file, port, "rtmpt") > 100);
            Assert.True(await CountAsync(file, port, "rtmpt.header.typeid == 9 && tcp.srcport == " + port) > 30);
            Assert.Equal(0, await CountAsync(file, port, "_ws.malformed || _ws.expert.severity == error"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<int> CountAsync(string file, int port, string filter) =>
        (await ChildProcess.RunAsync(Dissector, "-r", file, "-d", $"tcp.port=={port},rtmpt", "-Y", filter, "-T", "fields", "-e", "frame.number"))
            .Split('\n').Count(line => line.Length > 0 && line.All(char.IsAsciiDigit));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
