using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Transcoder.Testing.Tls;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class RtmpsTests : IDisposable
{
    private const string Open = "apps:\n  live: { reconnect_grace: 0s }\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("transcoder-rtmps-").FullName;
    private readonly X509Certificate2 _certificate = TestCertificate.Make("localhost");

    public void Dispose()
    {
        _certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task FFmpeg_publishes_and_plays_over_TLS_and_a_renewed_certificate_disturbs_neither()
    {
        await using var appliance = await StartAsync(Open);
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.SecureUrl("live/secure"), seconds: 12);
        await using var plain = await Recording.StartAsync(appliance.Url("live/secure"));
        var file = Path.Combine(_folder, "played.flv");
        await using var player = ChildProcess.Start("ffmpeg", "-nostdin", "-hide_banner", "-v", "error", "-i", appliance.SecureUrl("live/secure"), "-c", "copy", "-y", file);
        await plain.MoreVideoAsync(60);
        Assert.Equal("CN=localhost", await SubjectAsync(appliance));

        using var renewed = TestCertificate.Make("renewed.example");
        TestCertificate.Write(renewed, _folder);
        await appliance.LogLineAsync("certificate", "is in use, for renewed.example");
        Assert.Equal("CN=renewed.example", await SubjectAsync(appliance));

        await File.WriteAllTextAsync(Path.Combine(_folder, "server.crt"), "rubbish");
        await appliance.LogLineAsync("can't be used", "the old one stays in use");
        Assert.Equal("CN=renewed.example", await SubjectAsync(appliance));

        await plain.EndAsync();
        await player.ExitAsync();
        await publisher.ExitAsync();
        Assert.Equal(360, plain.Video.Count);
        Timelines.AssertOrdered(plain);
        var played = await ChildProcess.RunAsync("ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", file);
        Assert.InRange(int.Parse(played.Trim().TrimEnd(','), System.Globalization.CultureInfo.InvariantCulture), 120, 360);
        Assert.Empty(appliance.LogLines("this is a defect"));
    }

    [Fact]
    public async Task Who_speaks_something_else_to_the_secure_port_is_told_apart_in_the_log_and_in_a_metric()
    {
        await using var appliance = await StartAsync(Open);
        await KnockAsync(appliance.RtmpsPort, [3, .. new byte[1536]]);
        Assert.Contains("use rtmps://", await appliance.LogLineAsync("rtmp_on_tls_port"), StringComparison.Ordinal);
        await KnockAsync(appliance.RtmpsPort, "GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        await appliance.LogLineAsync("http_on_rtmp_port", "HTTP to the RTMPS port");
        await KnockAsync(appliance.RtmpsPort, [0x16, 3, 1, 0, 4, 1, 2, 3, 4]);
        await appliance.LogLineAsync("tls_failed");
        foreach (var reason in new[] { "rtmp_on_tls_port", "http_on_rtmp_port", "tls_failed" })
        {
            Assert.Equal(1, await appliance.MetricAsync("transcoder_rtmp_refused_total", reason));
        }
    }

    [Fact]
    public async Task A_push_over_TLS_arrives_with_the_right_pin_and_with_the_wrong_one_never()
    {
        await using var target = await StartAsync(Open);
        var pin = TestCertificate.Fingerprint(_certificate);
        await using var appliance = await RunningAppliance.StartAsync(
            $"apps:\n  live:\n    reconnect_grace: 0s\n    push:\n" +
            $"      - {{ url: \"{target.SecureUrl("live/{stream}-good?key=push-secret")}\", tls: {{ pin: \"{pin}\" }} }}\n" +
            $"      - {{ url: \"{target.SecureUrl("live/{stream}-ca")}\", tls: {{ ca_file: {Path.Combine(_folder, "server.crt")} }} }}\n" +
            $"      - {{ url: \"{target.SecureUrl("live/{stream}-wrong")}\", tls: {{ pin: \"sha256:{new string('0', 64)}\" }}, retry_min: 200ms }}\n" +
            $"      - {{ url: \"{target.SecureUrl("live/{stream}-unknown")}\", retry_min: 200ms }}\n");
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/sent"), seconds: 8);
        await using var good = await Recording.StartAsync(target.Url("live/sent-good"));
        await using var roots = await Recording.StartAsync(target.Url("live/sent-ca"));
        await appliance.LogLineAsync("push of live/sent", "-wrong", "target_untrusted", "another certificate than the pinned one");
        await appliance.LogLineAsync("push of live/sent", "-unknown", "target_untrusted", $"tls.pin: {pin}");
        await Task.WhenAll(good.EndAsync(), roots.EndAsync());
        Assert.True(good.Video.Count > 100 && roots.Video.Count > 100, $"{good.Video.Count} and {roots.Video.Count} pictures");
        Timelines.AssertOrdered(good);
        Assert.Null(await target.FindAsync("live", "sent-wrong"));
        Assert.Null(await target.FindAsync("live", "sent-unknown"));
        Assert.Empty(appliance.LogLines("push-secret"));
    }

    [Fact]
    public async Task The_test_publisher_speaks_TLS_and_says_why_it_does_not_trust()
    {
        await using var target = await StartAsync(Open);
        await using var distrusting = ChildProcess.Start(RunningAppliance.Program, "publish", await Clips.OneSecondAsync(), target.SecureUrl("live/test"));
        Assert.Equal(1, await distrusting.ExitAsync());
        Assert.Contains(distrusting.Lines, line => line.Contains("target_untrusted", StringComparison.Ordinal));
        Assert.Equal(string.Empty, distrusting.Output);
        await ChildProcess.RunAsync(RunningAppliance.Program, "publish", await Clips.OneSecondAsync(), target.SecureUrl("live/test"), "--pin", TestCertificate.Fingerprint(_certificate));
        await target.LogLineAsync("stream live/test ended");
    }

    private static async Task KnockAsync(int port, byte[] bytes)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(bytes);
        using var deadline = new CancellationTokenSource(Polling.Patience);
        try
        {
            while (await socket.ReceiveAsync(new byte[256], deadline.Token) > 0)
            {
                // A TLS alert, perhaps.
            }
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset)
        {
            // Closed with bytes unread.
        }
    }

    private static async Task<string> SubjectAsync(RunningAppliance appliance)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, appliance.RtmpsPort);
        await using var tls = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("localhost");
        return tls.RemoteCertificate!.Subject;
    }

    private Task<RunningAppliance> StartAsync(string configuration)
    {
        var (certificate, key) = TestCertificate.Write(_certificate, _folder);
        return RunningAppliance.StartAsync(configuration, 0, null, $"rtmps: {{ listen: \"127.0.0.1:0\", certificate: {certificate}, private_key: {key} }}");
    }
}
