using System.Net;
using Transcoder.Host.Configuration;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

public sealed class AccessOptionsTests
{
    private static readonly TranscoderOptions Options = ConfigurationFile.Parse("""
        server:
          rtmps: { certificate: /a.crt, private_key: /a.key, other_certificates: [{ certificate: /b.crt, private_key: /b.key }] }
          limits: { memory: 3GiB, trusted: [192.0.2.1, "2001:db8::/32"], per_address: { connections: 7, bandwidth: 8M } }
        apps:
          live:
            publish: { keys: [key-s3cr3t-1], signed: { secrets: [sign-s3cr3t-2] }, jwt: { secrets: [jwt-s3cr3t-3-0123456789abcdefghij], jwks: "https://u:s3cr3t@h/k?token=s3cr3t" } }
            play: { jwt: { jwks: /etc/jwks.json } }
            hooks: { on_publish: "http://u:s3cr3t@h/?key=s3cr3t", secret: hook-s3cr3t-4 }
            push: [ { url: "rtmps://h/a/{stream}", tls: { pin: "SHA256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff" } } ]
        """).Options!;

    [Fact]
    public void The_front_door_is_as_written()
    {
        Assert.Equal([new CertificateFiles("/a.crt", "/a.key"), new CertificateFiles("/b.crt", "/b.key")], Options.Server.Rtmps!.Certificates);
        Assert.Equal(new IPEndPoint(IPAddress.Any, 443), Options.Server.Rtmps.Listen);
        var limits = Options.Server.Limits;
        Assert.Equal((3L << 30, 7, 50, 8_000_000), (limits.Memory, limits.Connections, limits.HalfOpen, limits.Bandwidth));
        Assert.Contains(limits.Trusted, network => network.Contains(IPAddress.Parse("192.0.2.1")) && !network.Contains(IPAddress.Parse("192.0.2.2")));
        var live = Options.Apps["live"];
        Assert.Equal("key-s3cr3t-1", Assert.Single(live.Publish.Access.Keys).Value);
        Assert.Equal(("/etc/jwks.json", null), (live.Play.Jwt.KeySetFile, live.Play.Jwt.KeySet));
        Assert.Equal("https://u:s3cr3t@h/k?token=s3cr3t", live.Publish.Access.Jwt.KeySet!.Value.OriginalString);
        Assert.Equal("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", live.Push[0].Tls.Pin);
        Assert.False(live.Play.Signed.Secrets.Count > 0 || live.Hooks.OnPlay is not null);
    }

    [Fact]
    public void Printing_any_of_it_prints_no_secret()
    {
        var live = Options.Apps["live"];
        foreach (var printed in new object[] { Options, live, live.Publish, live.Publish.Access, live.Publish.Access.Jwt, live.Publish.Access.Signed, live.Hooks, live.Publish.Access.Keys[0] })
        {
            Assert.DoesNotContain("s3cr3t", printed.ToString(), StringComparison.Ordinal);
        }
    }
}
