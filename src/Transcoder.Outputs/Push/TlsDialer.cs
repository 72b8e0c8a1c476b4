using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Transcoder.Media;
using Transcoder.Rtmp.Clients;

namespace Transcoder.Outputs.Push;

/// <summary>Which certificates a target may show.</summary>
/// <param name="Pin">SHA-256 of the only certificate to trust, 64 lower-case hexadecimal digits; null: roots decide.</param>
/// <param name="CaFile">PEM file with the roots to trust instead of the system's, read for each connection; null: the system's.</param>
public sealed record TlsTrust(string? Pin, string? CaFile)
{
    public static readonly TlsTrust System = new(null, null);
}

/// <summary>Opens the way to an rtmp or rtmps target. A certificate that is not trusted is an error that says which, why, and what to do about it.</summary>
public sealed class TlsDialer(TlsTrust trust)
{
    /// <exception cref="RtmpException">The target's certificate is not trusted, or it speaks no TLS.</exception>
    public async ValueTask<Stream> DialAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(url.Host, url.Port, cancellationToken).ConfigureAwait(false);
            var plain = new NetworkStream(socket, ownsSocket: true);
            return url.IsSecure ? await SecureAsync(url, plain, cancellationToken).ConfigureAwait(false) : plain;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    internal async ValueTask<Stream> SecureAsync(RtmpUrl url, Stream plain, CancellationToken cancellationToken)
    {
        Reason? distrust = null;
        var options = new SslClientAuthenticationOptions
        {
            // The name goes out as SNI, and the certificate is checked against it.
            TargetHost = url.Host,
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                (distrust = Judge(url, certificate as X509Certificate2, chain, errors)) is null,
        };
        if (trust.CaFile is not null)
        {
            options.CertificateChainPolicy = CustomRoots(url, trust.CaFile);
        }

        var secure = new SslStream(plain);
        try
        {
            await secure.AuthenticateAsClientAsync(options, cancellationToken).ConfigureAwait(false);
            return secure;
        }
        catch (AuthenticationException e)
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            throw new RtmpException(distrust ?? new Reason(Reasons.TargetRefused, $"{url}: the TLS handshake failed: {Innermost(e).Message}"), e);
        }
        catch
        {
            await secure.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private Reason? Judge(RtmpUrl url, X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null)
        {
            return new Reason(Reasons.TargetUntrusted, $"{url} shows no certificate");
        }

        var fingerprint = certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();
        if (trust.Pin is { } pin)
        {
            return pin == fingerprint ? null : new Reason(
                Reasons.TargetUntrusted,
                $"{url} shows another certificate than the pinned one: {certificate.Subject}, sha256:{fingerprint}; if the target has a new one, change tls.pin, else somebody stands in between");
        }

        if (errors == SslPolicyErrors.None)
        {
            return null;
        }

        var why = errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? $"it is not for {url.Host}"
            : chain?.ChainStatus.Select(status => status.StatusInformation.Trim()).FirstOrDefault(text => text.Length > 0) ?? "its chain leads to no trusted root";
        return new Reason(
            Reasons.TargetUntrusted,
            $"{url} shows a certificate that is not trusted: {certificate.Subject}, {why}; ask its owner for a valid one, or trust it with tls.ca_file or tls.pin: sha256:{fingerprint}");
    }

    private static X509ChainPolicy CustomRoots(RtmpUrl url, string file)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        try
        {
            policy.CustomTrustStore.ImportFromPemFile(file);
            return policy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new RtmpException(new Reason(Reasons.TargetUntrusted, $"{url}: the roots in {file} can't be read: {e.Message}"), e);
        }
    }

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;
}
