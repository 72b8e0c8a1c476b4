using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Transcoder.Rtmp.Clients;

/// <summary>
/// The login that Wowza and old CDNs ask of publishers in the words of their refusal to <c>connect</c>, in two schemes: <c>adobe</c> (Flash Media Server's authmod plug-in) and
/// <c>llnw</c> (Limelight's). Each answer is one more connection with a query behind the application's name: first who we are, then a digest over the server's challenge. No
/// specification; as FFmpeg and librtmp do it.
/// </summary>
internal static class RtmpLogin
{
    private const string Adobe = "adobe";
    private const string Limelight = "llnw";

    /// <summary>Whether the words are about a login, and are not just a no.</summary>
    public static bool IsAskedFor(string words) => words.Contains("authmod=", StringComparison.Ordinal);

    /// <summary>The query to connect with next.</summary>
    /// <param name="words">The description of the server's <c>_error</c>.</param>
    /// <param name="sent">The query of the connection that was refused; empty for the first.</param>
    /// <param name="nonce">Ours, new for each answer: eight hexadecimal digits.</param>
    /// <param name="problem">Why there is none; without a secret.</param>
    public static bool TryAnswer(RtmpUrl url, string words, string sent, string nonce, [NotNullWhen(true)] out string? query, [NotNullWhen(false)] out string? problem)
    {
        query = null;
        var asked = PairsOf(words);
        var scheme = asked.GetValueOrDefault("authmod", "");
        problem = scheme is not (Adobe or Limelight) ? $"it asks for a login of the kind '{scheme}', which nobody here knows"
            : url.User.Length == 0 ? $"it asks for a login ({scheme}): write rtmp://user:password@host/app/stream"
            : asked.GetValueOrDefault("reason", "") is "authfailed" or "nosuchuser" ? "it does not take the user or the password"
            : sent.Contains("&response=", StringComparison.Ordinal) ? "it asks for the login again and again"
            : null;
        if (problem is not null)
        {
            return false;
        }

        if (asked.GetValueOrDefault("reason") != "needauth")
        {
            query = $"?authmod={scheme}&user={url.User}";
            problem = sent == query ? "it asks for the login again and again" : null;
            return problem is null;
        }

        query = scheme == Adobe ? AdobeAnswer(url, asked, nonce) : LimelightAnswer(url, asked, nonce);
        return true;
    }

    private static string AdobeAnswer(RtmpUrl url, Dictionary<string, string> asked, string nonce)
    {
        // The name as the server repeats it.
        var user = asked.GetValueOrDefault("user", url.User);
        var secret = Convert.ToBase64String(Digest(user + asked.GetValueOrDefault("salt", "") + url.Password));
        var opaque = asked.GetValueOrDefault("opaque");
        var response = Convert.ToBase64String(Digest(secret + (opaque ?? asked.GetValueOrDefault("challenge", "")) + nonce));
        return $"?authmod={Adobe}&user={user}&challenge={nonce}&response={response}{(opaque is null ? "" : "&opaque=" + opaque)}";
    }

    /// <summary>HTTP's digest (RFC 2617 §3.2.2) with a realm and a method of its own.</summary>
    private static string LimelightAnswer(RtmpUrl url, Dictionary<string, string> asked, string nonce)
    {
        const string Count = "00000001";
        var user = asked.GetValueOrDefault("user", url.User);
        var theirs = asked.GetValueOrDefault("nonce", "");
        var instance = url.App.Contains('/', StringComparison.Ordinal) ? "" : "/_definst_";
        var secret = Convert.ToHexStringLower(Digest($"{user}:live:{url.Password}"));
        var what = Convert.ToHexStringLower(Digest($"publish:/{url.App}{instance}"));
        var response = Convert.ToHexStringLower(Digest($"{secret}:{theirs}:{Count}:{nonce}:auth:{what}"));
        return $"?authmod={Limelight}&user={user}&nonce={theirs}&cnonce={nonce}&nc={Count}&response={response}";
    }

    /// <summary>As in <c>[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&amp;user=u&amp;salt=s&amp;challenge=c&amp;opaque=o</c>.</summary>
    private static Dictionary<string, string> PairsOf(string words)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in words.Split(['?', '&', ' ', ';', ',', '[', ']'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals)
            {
                pairs.TryAdd(part[..equals], part[(equals + 1)..]);
            }
        }

        return pairs;
    }

    // The schemes are made of it; what goes over the line is no better protected than they protect it.
    [SuppressMessage("Security", "CA5351", Justification = "MD5 is what the servers ask for.")]
    private static byte[] Digest(string text) => MD5.HashData(Encoding.UTF8.GetBytes(text));
}
