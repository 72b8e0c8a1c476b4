using System.Text.RegularExpressions;

namespace Transcoder.Media;

/// <summary>
/// Removes secrets from any text that may hold an address, before it reaches a log, the API or a label: passwords before the host and the
/// query parts that publishers, CDNs and players are known to put secrets into, and tokens wherever they stand.
/// </summary>
public static partial class SecretRedaction
{
    public const string Mask = "***";

    public static string Redact(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.AsSpan().IndexOfAny('@', '=') >= 0)
        {
            text = Query().Replace(UserInfo().Replace(text, "$1" + Mask + "@"), "$1" + Mask);
        }

        return text.Contains("eyJ", StringComparison.Ordinal) || text.Contains("bearer ", StringComparison.OrdinalIgnoreCase) ? Token().Replace(text, Mask) : text;
    }

    // The last @ before the path ends the user part (RFC 3986 §3.2.1), so a password that holds a bare @ is covered whole.
    [GeneratedRegex(@"(\b[a-z][a-z0-9+.-]*://)[^\s/?#""']*@", RegexOptions.IgnoreCase)]
    private static partial Regex UserInfo();

    // A JSON Web Token wherever it stands: its header begins with {", which is eyJ in base64. And what follows Bearer (RFC 6750).
    [GeneratedRegex(@"\beyJ[\w-]*\.[\w-]*(?:\.[\w-]*)*|(?<=\bBearer )\S+", RegexOptions.IgnoreCase)]
    private static partial Regex Token();

    // A name of the list, whole or as the last word of a longer one (stream_key, wsSecret, X-Amz-Signature), at the start of the text or after a separator.
    [GeneratedRegex(
        @"((?:^|[?&;,\s""'])(?:[a-z0-9_.%-]*(?:key|secret|token|password|passwd|signature|credential|hmac|jwt)|pass|pwd|auth|sig|sign|hash|hdnts|hdnea)=)[^&\s""'#]*",
        RegexOptions.IgnoreCase)]
    private static partial Regex Query();
}
