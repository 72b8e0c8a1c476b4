using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Transcoder.Host.Configuration;

namespace Transcoder.Host.Serving.Connections;

/// <summary>
/// The certificates of the RTMPS port. Their files are looked at every second and read again when they change: connections that are open keep theirs, new
/// ones get the new one. A pair that can't be used leaves the old one in place and says so.
/// </summary>
internal sealed partial class ServerCertificates
{
    private readonly Pair[] _pairs;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;

    /// <exception cref="StartException">A pair can't be used.</exception>
    public ServerCertificates(IReadOnlyList<CertificateFiles> files, TimeProvider clock, ILogger<ServerCertificates> log)
    {
        _clock = clock;
        _log = log;
        _pairs = [.. files.Select(file => new Pair(file))];
        foreach (var pair in _pairs)
        {
            try
            {
                pair.Load();
            }
            catch (Exception e) when (IsUnusable(e))
            {
                throw new StartException($"server.rtmps: {pair.Files.Certificate} with {pair.Files.PrivateKey} can't be used: {e.Message}", e);
            }

            LogLoaded(pair);
        }
    }

    /// <summary>When each of them ends, by the file's name.</summary>
    public IEnumerable<(string File, DateTimeOffset NotAfter)> Ends => _pairs.Select(pair => (pair.Files.Certificate, new DateTimeOffset(pair.Leaf.NotAfter.ToUniversalTime())));

    /// <summary>The first certificate that is for this name (RFC 6066 §3); the first of all for a name that none is for, or for none.</summary>
    public SslServerAuthenticationOptions For(string? serverName)
    {
        var pair = string.IsNullOrEmpty(serverName) || _pairs.Length == 1 ? _pairs[0] : _pairs.FirstOrDefault(p => IsFor(p.Leaf, serverName)) ?? _pairs[0];
        return pair.Options;
    }

    /// <summary>Called every second.</summary>
    public void Tick()
    {
        foreach (var pair in _pairs.Where(pair => pair.HasChanged))
        {
            try
            {
                pair.Load();
                LogLoaded(pair);
            }
            catch (Exception e) when (IsUnusable(e))
            {
                LogKept(pair.Files.Certificate, pair.Files.PrivateKey, e.Message, pair.Leaf.NotAfter.ToUniversalTime());
            }
        }
    }

    private static bool IsFor(X509Certificate2 certificate, string serverName)
    {
        try
        {
            return certificate.MatchesHostname(serverName);
        }
        catch (ArgumentException)
        {
            // What the client sent is no host name at all.
            return false;
        }
    }

    private static bool IsUnusable(Exception e) => e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private void LogLoaded(Pair pair)
    {
        var left = pair.Leaf.NotAfter.ToUniversalTime() - _clock.GetUtcNow().UtcDateTime;
        if (left < TimeSpan.Zero)
        {
            LogExpired(pair.Files.Certificate, pair.Leaf.NotAfter.ToUniversalTime());
        }
        else
        {
            LogCertificate(pair.Files.Certificate, pair.Leaf.GetNameInfo(X509NameType.DnsName, forIssuer: false), left.TotalDays);
        }
    }

    private sealed class Pair(CertificateFiles files)
    {
        private (FileStamp Certificate, FileStamp PrivateKey) _seen;

        public CertificateFiles Files => files;

        public X509Certificate2 Leaf { get; private set; } = null!;

        public SslServerAuthenticationOptions Options { get; private set; } = null!;

        public bool HasChanged => Stamps() != _seen;

        public void Load()
        {
            // Before reading: a change in between is then seen as one.
            _seen = Stamps();
            var leaf = X509Certificate2.CreateFromPemFile(files.Certificate, files.PrivateKey);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(files.Certificate);
            var context = SslStreamCertificateContext.Create(leaf, chain, offline: true);
            Leaf = leaf;
            Options = new SslServerAuthenticationOptions
            {
                ServerCertificateContext = context,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                AllowRenegotiation = false,
                CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            };
        }

        private (FileStamp Certificate, FileStamp PrivateKey) Stamps() => (FileStamp.Of(files.Certificate), FileStamp.Of(files.PrivateKey));
    }

    [LoggerMessage(120, LogLevel.Information, "certificate {File} is in use, for {Name}, good for {Days:0} more days")]
    private partial void LogCertificate(string file, string name, double days);

    [LoggerMessage(121, LogLevel.Error, "certificate {File} is in use and has ended at {End:u}: encoders will refuse it")]
    private partial void LogExpired(string file, DateTime end);

    [LoggerMessage(122, LogLevel.Error, "certificate {File} with {Key} has changed and can't be used: {Problem}; the old one stays in use, until {End:u} at most")]
    private partial void LogKept(string file, string key, string problem, DateTime end);
}
