using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Transcoder.Media;

namespace Transcoder.Host.Configuration;

/// <summary>A secret of the file. Printing it prints a mask.</summary>
internal sealed record Secret(string Value)
{
    /// <summary>HMAC-SHA256 with the secret's UTF-8 bytes as the key.</summary>
    public byte[] Sign(string text) => HMACSHA256.HashData(Encoding.UTF8.GetBytes(Value), Encoding.UTF8.GetBytes(text));

    public override string ToString() => SecretRedaction.Mask;
}

/// <summary>An http or https address, which may hold a password or a token: printed without.</summary>
internal sealed record HttpAddress(Uri Value)
{
    public static HttpAddress? TryParse(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0 ? new HttpAddress(uri) : null;

    /// <summary>What stands before the host, as HTTP sends it; null where nothing does.</summary>
    public AuthenticationHeaderValue? Authorization => Value.UserInfo.Length == 0 ? null
        : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(Value.UserInfo))));

    /// <summary>Many services put a token into the path: only its first part is shown, and of the parameters their names.</summary>
    public override string ToString()
    {
        var parts = Value.AbsolutePath.Split('/', 3);
        return $"{Value.Scheme}://{(Value.UserInfo.Length > 0 ? "***@" : "")}{Value.Authority}/{parts[1]}{(parts.Length > 2 && parts[2].Length > 0 ? "/***" : "")}{SecretRedaction.HideValues(Value.Query)}";
    }
}

/// <summary>Who may come in by what they bring. With none of these set, anybody.</summary>
internal sealed record AccessOptions(ValueList<Secret> Keys, string? KeysFile, SignedOptions Signed, JwtOptions Jwt);

/// <param name="Secrets">Empty: no signed addresses.</param>
internal sealed record SignedOptions(ValueList<Secret> Secrets, TimeSpan ClockSkew);

/// <param name="KeySet">Web address of the JWKS.</param>
/// <param name="KeySetFile">File with the JWKS, where it is no web address.</param>
/// <param name="Secrets">For HS256.</param>
internal sealed record JwtOptions(
    HttpAddress? KeySet, string? KeySetFile, ValueList<Secret> Secrets, string? Issuer, string? Audience, TimeSpan ClockSkew, TimeSpan Refresh)
{
    public bool IsSet => KeySet is not null || KeySetFile is not null || Secrets.Count > 0;
}

internal enum HookFailure
{
    /// <summary>Nobody comes in while the hook does not answer.</summary>
    Deny,

    Allow,
}

internal sealed record HookOptions(
    HttpAddress? OnPublish,
    HttpAddress? OnPlay,
    HttpAddress? OnUnpublish,
    HttpAddress? OnStop,
    Secret? Secret,
    TimeSpan Timeout,
    int Retries,
    HookFailure OnFailure,
    int Concurrency,
    int Queue)
{
    public bool IsSet => (OnPublish ?? OnPlay ?? OnUnpublish ?? OnStop) is not null;
}

internal sealed record RtmpsListenOptions(IPEndPoint Listen, ValueList<CertificateFiles> Certificates, TimeSpan HandshakeTimeout);

internal sealed record CertificateFiles(string Certificate, string PrivateKey);

/// <param name="Memory">Bytes; null: nine tenths of what there is.</param>
/// <param name="Bandwidth">Bits a second; 0: any.</param>
internal sealed record LimitOptions(long? Memory, ValueList<IPNetwork> Trusted, int Connections, int HalfOpen, int ConnectionRate, int Bandwidth);

internal sealed record PushTlsOptions(string? Pin, string? CaFile);
