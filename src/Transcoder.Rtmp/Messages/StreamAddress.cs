using Transcoder.Media.Ports;

namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Where a client wants to publish or play, out of the forms that clients use: slashes around and inside the application, the query behind the stream, the
/// application or the tcUrl, the stream glued to the application, player prefixes. The key is never part of a name.
/// </summary>
/// <param name="Query">The parameters of all three places; those behind the stream's name come first and win.</param>
internal readonly record struct StreamAddress(string App, string Stream, string Query)
{
    // Longer names are abuse; a file name allows no more either.
    private const int LongestName = 255;

    public string? Key => AccessRequest.Parameter(Query, "key");

    /// <summary>Whether both names are there and printable.</summary>
    public bool IsValid => IsName(App) && IsName(Stream);

    /// <param name="app">connect's app; trusted before the tcUrl, which proxies rewrite.</param>
    /// <param name="tcUrl">connect's tcUrl, or null.</param>
    /// <param name="name">The first argument of publish or play.</param>
    public static StreamAddress Parse(string app, string? tcUrl, string name)
    {
        var (appPath, appQuery) = SplitQuery(app);
        var (stream, streamQuery) = SplitQuery(name);
        var (tcPath, tcQuery) = SplitQuery(tcUrl ?? "");

        // FMLE writes rtmp://host/app?key=x/stream: then the application's query has the stream behind a slash.
        if (stream.Length == 0 && appQuery.LastIndexOf('/') is >= 0 and var slash)
        {
            stream = appQuery[(slash + 1)..];
            appQuery = appQuery[..slash];
        }

        appPath = appPath.Trim('/');
        if (appPath.Length == 0 && tcPath.IndexOf("://", StringComparison.Ordinal) is >= 0 and var scheme &&
            tcPath.IndexOf('/', scheme + 3) is >= 0 and var path)
        {
            appPath = tcPath[(path + 1)..].Trim('/');
        }

        // app...vhost...HOST: a virtual host of its own, which this house has none of.
        if (appPath.IndexOf("...", StringComparison.Ordinal) is > 0 and var dots)
        {
            appPath = appPath[..dots];
        }

        if (appPath.EndsWith("/_definst_", StringComparison.Ordinal))
        {
            appPath = appPath[..^"/_definst_".Length];
        }

        stream = stream.Trim('/');
        if (stream.Length == 0 && appPath.LastIndexOf('/') is > 0 and var last)
        {
            stream = appPath[(last + 1)..];
            appPath = appPath[..last];
        }

        return new StreamAddress(appPath, PlainName(stream), string.Join('&', ((string[])[streamQuery, appQuery, tcQuery]).Where(query => query.Length > 0)));
    }

    /// <summary>The names without the key, for logs.</summary>
    public override string ToString() => $"{App}/{Stream}";

    private static (string Path, string Query) SplitQuery(string text)
    {
        var at = text.AsSpan().IndexOfAny('?', '#');
        return at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);
    }

    private static string PlainName(string stream)
    {
        // Flash players say which container a recording has; a live stream has none.
        foreach (var prefix in (ReadOnlySpan<string>)["mp4:", "flv:", "mp3:"])
        {
            if (stream.StartsWith(prefix, StringComparison.Ordinal))
            {
                stream = stream[prefix.Length..];
                break;
            }
        }

        return stream.EndsWith(".flv", StringComparison.Ordinal) ? stream[..^4] : stream;
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && !name.AsSpan().ContainsAnyInRange('\0', ' ') && !name.AsSpan().ContainsAnyInRange('\x7F', '\x9F');
}
