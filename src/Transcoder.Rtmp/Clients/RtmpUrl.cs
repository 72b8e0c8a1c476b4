namespace Transcoder.Rtmp.Clients;

/// <summary>
/// A target: <c>rtmp://[user:password@]host[:port]/app/stream?query</c>. The last part of the path is the stream, with the query exactly as it was written; what is before it is
/// the application. The stream name is a secret at most services, so <see cref="ToString"/> leaves it out, and who we are with it.
/// </summary>
public sealed record RtmpUrl
{
    public const int DefaultPort = 1935;
    public const int DefaultSecurePort = 443;

    private RtmpUrl(bool isSecure, string host, int port, string app, string stream)
    {
        IsSecure = isSecure;
        Host = host;
        Port = port;
        App = app;
        Stream = stream;
    }

    /// <summary>rtmps://</summary>
    public bool IsSecure { get; }

    public string Host { get; }

    public int Port { get; }

    public string App { get; }

    /// <summary>Who we are, for servers that ask for a login; empty for nobody. Percent-decoded.</summary>
    public string User { get; private init; } = "";

    public string Password { get; private init; } = "";

    /// <summary>Name and query.</summary>
    public string Stream { get; private init; }

    /// <summary>What <c>connect</c> states: never with the stream.</summary>
    public string TcUrl
    {
        get
        {
            var port = Port == (IsSecure ? DefaultSecurePort : DefaultPort) ? "" : FormattableString.Invariant($":{Port}");
            var host = Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host;
            return $"{(IsSecure ? "rtmps" : "rtmp")}://{host}{port}/{App}";
        }
    }

    /// <returns>False when it is no RTMP URL with a host, an application and a stream.</returns>
    public static bool TryParse(string text, out RtmpUrl url)
    {
        url = null!;

        // Its names stand in logs, and a server may say where to go.
        if (text.Any(char.IsControl))
        {
            return false;
        }

        // Not System.Uri for the path: it would rewrite percent signs, and servers compare keys byte for byte.
        var secure = text.StartsWith("rtmps://", StringComparison.OrdinalIgnoreCase);
        if (!secure && !text.StartsWith("rtmp://", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        var begin = secure ? 8 : 7;
        var slash = text.IndexOf('/', begin);
        if (slash < 0 || !Uri.TryCreate($"http://{text[begin..slash]}/", UriKind.Absolute, out var authority) || authority.Host.Length == 0)
        {
            return false;
        }

        // Port 80 is what System.Uri says for none.
        var stated = text[begin..slash].EndsWith(FormattableString.Invariant($":{authority.Port}"), StringComparison.Ordinal);
        var port = stated && authority.Port > 0 ? authority.Port : secure ? DefaultSecurePort : DefaultPort;
        var path = text[(slash + 1)..].TrimStart('/');
        var query = path.IndexOf('?', StringComparison.Ordinal);
        var last = (query < 0 ? path : path[..query]).LastIndexOf('/');
        if (last < 0)
        {
            // FMLE's form: rtmp://host/app?key=x/stream.
            last = path.LastIndexOf('/');
        }

        if (last <= 0 || last == path.Length - 1)
        {
            return false;
        }

        var login = authority.UserInfo.Split(':', 2);
        url = new RtmpUrl(secure, authority.IdnHost.Trim('[', ']'), port, path[..last], path[(last + 1)..])
        {
            User = Uri.UnescapeDataString(login[0]),
            Password = login.Length > 1 ? Uri.UnescapeDataString(login[1]) : "",
        };
        return true;
    }

    /// <summary>Where a reconnect request or a redirect leads, with the same stream (E-RTMP v2, "Reconnect Request"); with the same login on the same host only.</summary>
    /// <param name="tcUrl">Absolute, or relative to <see cref="TcUrl"/>; null for the same place.</param>
    /// <returns>This URL where the other makes no sense, or would send the stream's name over a line without TLS.</returns>
    public RtmpUrl Resolve(string? tcUrl)
    {
        if (string.IsNullOrEmpty(tcUrl))
        {
            return this;
        }

        var scheme = IsSecure ? "rtmps:" : "rtmp:";
        var here = TcUrl;
        var path = here.IndexOf('/', scheme.Length + 2);
        var absolute = tcUrl.Contains("://", StringComparison.Ordinal) ? tcUrl
            : tcUrl.StartsWith("//", StringComparison.Ordinal) ? scheme + tcUrl
            : tcUrl.StartsWith('/') ? here[..path] + tcUrl
            : here[..(here.LastIndexOf('/') + 1)] + tcUrl;
        if (!TryParse($"{absolute.TrimEnd('/')}/{Stream}", out var url) || (IsSecure && !url.IsSecure))
        {
            return this;
        }

        var isHere = url.Host == Host && url.IsSecure == IsSecure;
        return url with { Stream = Stream, User = isHere ? User : "", Password = isHere ? Password : "" };
    }

    /// <exception cref="FormatException">It is no such URL.</exception>
    public static RtmpUrl Parse(string text) =>
        TryParse(text, out var url) ? url : throw new FormatException("not an RTMP URL of the form rtmp://host/app/stream");

    /// <summary>For logs: without the stream and without any query.</summary>
    public override string ToString()
    {
        var plain = TcUrl;
        var query = plain.IndexOf('?', StringComparison.Ordinal);
        return $"{(query < 0 ? plain : plain[..query])}/***";
    }

    /// <summary>A server's words, without the secret they may repeat.</summary>
    internal string Redact(string text)
    {
        // A shorter name is no secret, and would tear holes into every sentence.
        const int ShortestSecret = 6;
        if (Password.Length > 0)
        {
            text = text.Replace(Password, "***", StringComparison.Ordinal);
        }

        foreach (var secret in (ReadOnlySpan<string>)[Stream, .. Stream.Split('?', '&', '=')])
        {
            if (secret.Length >= ShortestSecret)
            {
                text = text.Replace(secret, "***", StringComparison.Ordinal);
            }
        }

        return text;
    }
}
