using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving;
using Transcoder.Host.Serving.Connections;
using Transcoder.Media;
using Transcoder.Testing.Rtmp;
using Transcoder.Testing.Tls;
using Transcoder.UnitTests.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Connections;

public sealed class TlsFrontTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("transcoder-tls-").FullName;
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly CollectingLogger<ServerCertificates> _lines = new();
    private readonly RefusalLedger _ledger;
    private readonly X509Certificate2 _first = TestCertificate.Make("first.example", "localhost");
    private readonly X509Certificate2 _second = TestCertificate.Make("second.example", "*.wild.example");

    public TlsFrontTests() => _ledger = new RefusalLedger(_clock, new CollectingLogger<RefusalLedger>());

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _first.Dispose();
        _second.Dispose();
    }

    [Theory]
    [InlineData("first.example", "CN=first.example")]
    [InlineData("second.example", "CN=second.example")]
    [InlineData("a.wild.example", "CN=second.example")]
    [InlineData("elsewhere.example", "CN=first.example")]
    [InlineData("", "CN=first.example")]
    public async Task The_name_that_the_client_asks_for_chooses_the_certificate_and_bytes_go_both_ways(string name, string subject)
    {
        var connection = new MemoryConnection();
        var serving = Front(Certificates(_first, _second)).OnConnectedAsync(connection, EchoAsync);
        await using (var client = new SslStream(new PipeStream(connection.Client)))
        {
            await client.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name, RemoteCertificateValidationCallback = (_, _, _, _) => true }).WaitAsync(Patience);
            Assert.Equal(subject, client.RemoteCertificate!.Subject);
            var sent = new byte[100_000];
            new Random(1).NextBytes(sent);
            var sending = client.WriteAsync(sent);
            var echoed = new byte[sent.Length];
            await (await Task.WhenAny(client.ReadExactlyAsync(echoed).AsTask(), serving).WaitAsync(Patience));
            await sending;
            Assert.Equal(sent, echoed);
        }

        await serving.WaitAsync(Patience);
        Assert.Empty(_ledger.Refusals);
    }

    [Theory]
    [InlineData(new byte[] { 3, 0, 0, 0, 0 }, Reasons.RtmpOnTlsPort)]
    [InlineData(new byte[] { (byte)'G', (byte)'E', (byte)'T' }, Reasons.HttpOnRtmpPort)]
    [InlineData(new byte[] { 0xC7, 1, 2 }, Reasons.TlsFailed)]
    [InlineData(new byte[] { 0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9 }, Reasons.TlsFailed)]
    public async Task What_is_no_TLS_is_refused_by_its_name_and_never_becomes_a_session(byte[] bytes, string reason)
    {
        var connection = new MemoryConnection();
        var serving = Front(Certificates(_first)).OnConnectedAsync(connection, _ => throw new InvalidOperationException("it became a session"));
        await connection.Client.Output.WriteAsync(bytes);
        await serving.WaitAsync(Patience);
        Assert.Equal(reason, Assert.Single(_ledger.Refusals).Key);
    }

    [Theory]
    [InlineData("a..b")]
    [InlineData("-")]
    [InlineData("two words")]
    public void A_server_name_that_is_none_gets_the_first_certificate(string name) =>
        Assert.Equal("CN=first.example", Certificates(_first, _second).For(name).ServerCertificateContext!.TargetCertificate.Subject);

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0x16, 3, 1 })]
    public async Task Half_a_handshake_is_ended_by_the_clock(byte[] bytes)
    {
        var connection = new MemoryConnection();
        var serving = Front(Certificates(_first)).OnConnectedAsync(connection, _ => throw new InvalidOperationException("it became a session"));
        await connection.Client.Output.WriteAsync(bytes);
        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False(serving.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await serving.WaitAsync(Patience);
        Assert.Equal(Reasons.HandshakeTimeout, Assert.Single(_ledger.Refusals).Key);
    }

    [Fact]
    public void A_changed_certificate_is_taken_and_a_damaged_or_unmatched_one_leaves_the_old_in_use()
    {
        var certificates = Certificates(_first);
        var (crt, key) = (Path.Combine(_folder, "0.crt"), Path.Combine(_folder, "0.key"));
        Assert.Equal("CN=first.example", Subject());

        File.WriteAllText(crt, "not PEM");
        certificates.Tick();
        certificates.Tick();
        Assert.Equal("CN=first.example", Subject());
        Assert.Contains("can't be used", Assert.Single(_lines.Lines, line => line.Contains("has changed", StringComparison.Ordinal)), StringComparison.Ordinal);

        // As a renewal writes them: one file, and a moment later the other.
        File.WriteAllText(crt, _second.ExportCertificatePem());
        certificates.Tick();
        Assert.Equal("CN=first.example", Subject());
        TestCertificate.Write(_second, _folder, "0");
        certificates.Tick();
        Assert.Equal("CN=second.example", Subject());

        File.Delete(key);
        certificates.Tick();
        Assert.Equal("CN=second.example", Subject());

        string Subject() => certificates.For("first.example").ServerCertificateContext!.TargetCertificate.Subject;
    }

    [Fact]
    public void A_link_that_is_turned_to_another_file_is_a_change()
    {
        var (old, renewed) = (Directory.CreateDirectory(Path.Combine(_folder, "1")).FullName, Directory.CreateDirectory(Path.Combine(_folder, "2")).FullName);
        TestCertificate.Write(_first, old);
        TestCertificate.Write(_second, renewed);
        var current = Path.Combine(_folder, "current");
        Directory.CreateSymbolicLink(current, old);
        var certificates = new ServerCertificates([new CertificateFiles(Path.Combine(current, "server.crt"), Path.Combine(current, "server.key"))], _clock, _lines);
        Directory.Delete(current);
        Directory.CreateSymbolicLink(current, renewed);
        certificates.Tick();
        Assert.Equal("CN=second.example", certificates.For(null).ServerCertificateContext!.TargetCertificate.Subject);
    }

    [Fact]
    public void A_certificate_that_is_not_there_at_the_start_is_told_by_name() =>
        Assert.Contains("/nowhere/a.crt", Assert.Throws<StartException>(() => new ServerCertificates([new CertificateFiles("/nowhere/a.crt", "/nowhere/a.key")], _clock, _lines)).Message, StringComparison.Ordinal);

    private static async Task EchoAsync(ConnectionContext connection)
    {
        while (true)
        {
            var result = await connection.Transport.Input.ReadAsync();
            foreach (var part in result.Buffer)
            {
                await connection.Transport.Output.WriteAsync(part);
            }

            connection.Transport.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        await connection.Transport.Input.CompleteAsync();
        await connection.Transport.Output.CompleteAsync();
    }

    private ServerCertificates Certificates(params X509Certificate2[] certificates) => new(
        [.. certificates.Select((certificate, i) => TestCertificate.Write(certificate, _folder, $"{i}")).Select(files => new CertificateFiles(files.Certificate, files.PrivateKey))],
        _clock,
        _lines);

    private TlsFront Front(ServerCertificates certificates) => new(certificates, TimeSpan.FromSeconds(10), _ledger, _clock);
}
