using System.Text.RegularExpressions;

namespace Transcoder.Media;

/// <summary>
/// Removes secrets from any text that may hold an address, before it reaches a log, the API or a label: passwords before the host and the
/// query parts that publishers, CDNs and players are known to put secrets into, and tokens wherever they stand. The time it takes grows with the text's
/// length and no faster: strangers choose the text.
/// </summary>
public static partial class SecretRedaction
{
    public const string Mask = "***";

    public static string Redact(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.AsSpan().IndexOfAny('@', '=') >= 0)
        {
            text = Query().Replace(UserInfo().Replace(text, "://" + Mask + "@"), "$1" + Mask);
        }

        return text.Contains("eyJ", StringComparison.Ordinal) || text.Contains("bearer ", StringComparison.OrdinalIgnoreCase) ? Token().Replace(text, static match => match.Groups["plain"].Success ? match.Value : Mask) : text;
    }

    /// <summary>A query without any of its values: for an address of a service that calls its secrets what it likes.</summary>
    public static string HideValues(string query) => Value().Replace(query, "=" + Mask);

    [GeneratedRegex("=[^&#]*")]
    private static partial Regex Value();

    // The last @ before the path ends the user part (RFC 3986 §3.2.1), so a password that holds a bare @ is covered whole.
    [GeneratedRegex(@"://[^\s/?#""']*@")]
    private static partial Regex UserInfo();

    // What follows Bearer (RFC 6750). And a JSON Web Token wherever it stands: its header begins with {", which is eyJ in base64. A word that begins so and is
    // none is matched as well, so that it is not looked at again from each eyJ inside.
    [GeneratedRegex(@"(?<=\bBearer )\S+|\beyJ[\w-]*\.[\w.-]*|(?<plain>\beyJ[\w-]*)", RegexOptions.IgnoreCase)]
    private static partial Regex Token();

    // A name of the list, whole or as the last word of a longer one (stream_key, wsSecret, X-Amz-Signature), at the start of the text or after a separator.
    [GeneratedRegex(
        @"((?:^|[?&;,\s""'])(?:[a-z0-9_.%-]*(?:key|secret|token|password|passwd|signature|credential|hmac|jwt)|pass|pwd|auth|sig|sign|hash|hdnts|hdnea)=)[^&\s""'#]*",
        RegexOptions.IgnoreCase)]
    private static partial Regex Query();
}
