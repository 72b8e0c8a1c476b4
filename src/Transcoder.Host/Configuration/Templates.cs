using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using Transcoder.Media;

namespace Transcoder.Host.Configuration;

/// <summary>How a rendition's stream name is made: a text with <c>{stream}</c> and <c>{rendition}</c>.</summary>
internal sealed record RenditionNaming(string Template)
{
    public string NameOf(string stream, string rendition) =>
        Template.Replace("{stream}", stream, StringComparison.Ordinal).Replace("{rendition}", rendition, StringComparison.Ordinal);
}

/// <summary>Where a push goes: an rtmp address with <c>{app}</c>, <c>{stream}</c> and <c>{rendition}</c> in its path or query.</summary>
internal sealed partial record PushUrl(string Template)
{
    public static readonly IReadOnlyList<string> Placeholders = ["app", "stream", "rendition"];

    public bool IsSecure => Template.StartsWith("rtmps://", StringComparison.OrdinalIgnoreCase);

    public string For(string app, string stream, string rendition) =>
        Template.Replace("{app}", app, StringComparison.Ordinal)
            .Replace("{stream}", stream, StringComparison.Ordinal)
            .Replace("{rendition}", rendition, StringComparison.Ordinal);

    /// <summary>
    /// The address for logs, the API and metrics. A last path part without a placeholder is a stream key in all but name
    /// (YouTube, Twitch and Facebook hand them out so) and is hidden as well.
    /// </summary>
    public string ForDisplay(string app, string stream, string rendition)
    {
        var path = PathOf(Template);
        var slash = path.LastIndexOf('/');
        var shown = slash >= 0 && !path[slash..].Contains('{', StringComparison.Ordinal) ? path[..(slash + 1)] + SecretRedaction.Mask : path;
        var hidden = shown + SecretRedaction.HideValues(Template[path.Length..]);
        return SecretRedaction.Redact(new PushUrl(hidden).For(app, stream, rendition));
    }

    public override string ToString() => ForDisplay("{app}", "{stream}", "{rendition}");

    /// <returns>Null when the template is good, else what is wrong and what to write instead.</returns>
    public static (string Problem, string Instead)? Check(string template)
    {
        const string Example = "write rtmp://host/app/{stream}_{rendition}";
        foreach (Match match in Placeholder().Matches(template))
        {
            if (!Placeholders.Contains(match.Groups[1].Value))
            {
                return ($"holds {match.Value}, which means nothing in a push address", "write {app}, {stream} or {rendition}");
            }
        }

        if (!TryAddress(Placeholder().Replace(template, "x"), out var address) || Placeholder().Replace(template, "x").AsSpan().ContainsAny('{', '}'))
        {
            return ("is not an rtmp address", Example);
        }

        if (Placeholder().IsMatch(template[..^PathAfterHost(template).Length]))
        {
            return ("has a placeholder before its path", Example);
        }

        var parts = address.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return parts.Length < 2 ? ("lacks an application or a stream name", Example) : null;
    }

    private static bool TryAddress(string text, [NotNullWhen(true)] out Uri? address) =>
        Uri.TryCreate(text, UriKind.Absolute, out address) && address.Scheme is "rtmp" or "rtmps" && address.Host.Length > 0 && !text.Any(char.IsWhiteSpace);

    private static string PathOf(string template) => template.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? template[..query] : template;

    private static string PathAfterHost(string template)
    {
        var slash = template.IndexOf('/', "rtmps://".Length);
        return slash < 0 ? string.Empty : template[slash..];
    }

    [GeneratedRegex(@"\{([^{}]*)\}")]
    private static partial Regex Placeholder();
}
