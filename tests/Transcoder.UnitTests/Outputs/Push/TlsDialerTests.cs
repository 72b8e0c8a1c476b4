using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Transcoder.Media;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing.Tls;
using Xunit;

namespace Transcoder.UnitTests.Outputs.Push;

/// <summary>Against a real TLS server: what is trusted is the platform's decision.</summary>
public sealed class TlsDialerTests : IAsyncDisposable
{
    private readonly X509Certificate2 _certificate = TestCertificate.Make("localhost");
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _folder = Directory.CreateTempSubdirectory("transcoder-dial-").FullName;
    private readonly Task _serving;
    private string? _asked;

    public TlsDialerTests()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        _listener.Dispose();
        _certificate.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_pinned_certificate_is_trusted_whatever_its_name_and_roots()
    {
        var pin = TestCertificate.Fingerprint(_certificate)["sha256:".Length..];
        await using (await DialAsync(new TlsTrust(pin, null)))
        {
            Assert.Equal("localhost", _asked);
        }

        await using var byAddress = await DialAsync(new TlsTrust(pin, null), "127.0.0.1");
    }

    [Fact]
    public async Task Another_certificate_than_the_pinned_one_is_an_error_that_shows_what_came()
    {
        var reason = await RefusedAsync(new TlsTrust(new string('0', 64), null));
        Assert.Contains("another certificate than the pinned one", reason.Detail, StringComparison.Ordinal);
        Assert.Contains(TestCertificate.Fingerprint(_certificate), reason.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_root_is_an_error_that_says_what_to_do()
    {
        var reason = await RefusedAsync(TlsTrust.System);
        Assert.Contains("CN=localhost", reason.Detail, StringComparison.Ordinal);
        Assert.Contains($"tls.pin: {TestCertificate.Fingerprint(_certificate)}", reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roots_from_a_file_are_trusted_for_the_right_name_only()
    {
        using var other = TestCertificate.Make("other.example");
        var good = new TlsTrust(null, TestCertificate.Write(_certificate, _folder).Certificate);
        await using (await DialAsync(good))
        {
        }

        await RefusedAsync(new TlsTrust(null, TestCertificate.Write(other, _folder, "other").Certificate));
        var absent = await RefusedAsync(new TlsTrust(null, Path.Combine(_folder, "absent.pem")));
        Assert.Contains("absent.pem", absent.Detail, StringComparison.Ordinal);
        var name = await RefusedAsync(good, "ip6-localhost.invalid");
        Assert.Contains("it is not for ip6-localhost.invalid", name.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_without_TLS_is_refused()
    {
        var plain = new TcpListener(IPAddress.Loopback, 0);
        plain.Start();
        var answering = AnswerAsync();
        var url = RtmpUrl.Parse($"rtmps://localhost:{((IPEndPoint)plain.LocalEndpoint).Port}/app/s3cr3t-name");
        var refusal = await Assert.ThrowsAsync<RtmpException>(() => new TlsDialer(TlsTrust.System).DialAsync(url, default).AsTask());
        Assert.Equal(Reasons.TargetRefused, refusal.Reason.Code);
        await answering;
        plain.Dispose();

        async Task AnswerAsync()
        {
            using var socket = await plain.AcceptSocketAsync();
            await socket.SendAsync("RTMP has no such greeting, and TLS neither"u8.ToArray());
        }
    }

    private async Task<Stream> DialAsync(TlsTrust trust, string host = "localhost") => await new TlsDialer(trust).DialAsync(Url(host), default);

    private async Task<Reason> RefusedAsync(TlsTrust trust, string host = "localhost")
    {
        // A name that nobody resolves: the certificate is judged for the name, wherever the socket leads.
        var url = host.EndsWith(".invalid", StringComparison.Ordinal) ? null : Url(host);
        if (url is null)
        {
            await using var plain = new NetworkStream(await ConnectAsync(), ownsSocket: true);
            return (await Assert.ThrowsAsync<RtmpException>(() => new TlsDialer(trust).SecureAsync(Url(host), plain, default).AsTask())).Reason;
        }

        var refusal = (await Assert.ThrowsAsync<RtmpException>(() => DialAsync(trust, host))).Reason;
        Assert.Equal(Reasons.TargetUntrusted, refusal.Code);
        return refusal;
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_listener.LocalEndpoint);
        return socket;
    }

    private RtmpUrl Url(string host) => RtmpUrl.Parse($"rtmps://{host}:{((IPEndPoint)_listener.LocalEndpoint).Port}/app/s3cr3t-name?key=s3cr3t");

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptSocketAsync();
                await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
                await tls.AuthenticateAsServerAsync((_, hello, _, _) =>
                {
                    _asked = hello.ServerName;
                    return new(new SslServerAuthenticationOptions { ServerCertificate = _certificate });
                }, null);
                await tls.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);
            }
            catch (Exception e) when (e is AuthenticationException or IOException)
            {
                // The client did not like the certificate.
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }
}
