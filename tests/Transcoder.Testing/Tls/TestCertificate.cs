using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Transcoder.Testing.Tls;

/// <summary>A self-signed certificate for localhost, 127.0.0.1 and other names, as the two PEM files that an operator has.</summary>
public static class TestCertificate
{
    public static X509Certificate2 Make(params string[] names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={names.FirstOrDefault("localhost")}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        alternatives.AddIpAddress(IPAddress.Loopback);
        foreach (var name in names.DefaultIfEmpty("localhost"))
        {
            alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Writes <c>NAME.crt</c> and <c>NAME.key</c>, replacing what is there.</summary>
    public static (string Certificate, string PrivateKey) Write(X509Certificate2 certificate, string folder, string name = "server")
    {
        var (crt, key) = (Path.Combine(folder, $"{name}.crt"), Path.Combine(folder, $"{name}.key"));
        File.WriteAllText(key, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(crt, certificate.ExportCertificatePem());
        return (crt, key);
    }

    /// <summary>As a pin is written.</summary>
    public static string Fingerprint(X509Certificate2 certificate) => "sha256:" + certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();
}
