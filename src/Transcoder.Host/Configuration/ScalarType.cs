using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Configuration;

/// <summary>One kind of value: how it is written, and what it is in the program. Values with a range are <see cref="IComparable"/>.</summary>
/// <param name="Name">For people, with its article: "a bitrate".</param>
/// <param name="Example">A value to write.</param>
/// <param name="Json">The type's word in JSON Schema: string, integer, number or boolean.</param>
/// <param name="Pattern">An ECMA regular expression for editors, or null.</param>
/// <param name="Words">The only values, where they are words.</param>
/// <param name="Parse">The value, or null and what is wrong with the text.</param>
internal sealed partial record ScalarType(
    string Name,
    string Example,
    string Json,
    string? Pattern,
    IReadOnlyList<string>? Words,
    Func<string, (object? Value, string? Problem)> Parse)
{
    /// <summary>The text of a name that becomes part of an address.</summary>
    public const string NamePattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";

    public static readonly ScalarType Text = new("a text", "\"text\"", "string", null, null, text => text.Length > 0 ? (text, null) : (null, "is empty"));

    public static readonly ScalarType Identifier = new("a name", "720p", "string", NamePattern, null, text =>
        NameRegex().IsMatch(text) ? (text, null) : (null, "is not a name: letters, digits, _ . and - only, at most 64, first a letter or digit"));

    public static readonly ScalarType Bitrate = new("a bitrate", "5000k", "string", "^[0-9]+(\\.[0-9]+)?(k|M)?$", null, text =>
        Quantity(text) is not var (amount, unit) ? (null, "is not a bitrate") : unit switch
        {
            "" => Whole(amount),
            "k" => Whole(amount * 1000),
            "M" => Whole(amount * 1_000_000),
            _ => (null, $"has the unit {unit}: bitrates are bits a second, with k or M"),
        });

    public static readonly ScalarType Duration = new("a duration", "2s", "string", "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$", null, text =>
        Quantity(text) is not var (amount, unit) || amount > 1_000_000_000 ? (null, "is not a duration") : unit switch
        {
            "ms" => (TimeSpan.FromMilliseconds((double)amount), null),
            "s" => (TimeSpan.FromSeconds((double)amount), null),
            "m" => (TimeSpan.FromMinutes((double)amount), null),
            "h" => (TimeSpan.FromHours((double)amount), null),
            "" => (null, "has no unit: durations end in ms, s, m or h"),
            _ => (null, $"has the unit {unit}: durations end in ms, s, m or h"),
        });

    public static readonly ScalarType Size = new("a size", "8MiB", "string", "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB)$", null, text =>
        Quantity(text) is not var (amount, unit) ? (null, "is not a size") : unit switch
        {
            "B" => Whole(amount),
            "KiB" => Whole(amount * 1024),
            "MiB" => Whole(amount * 1024 * 1024),
            "GiB" => Whole(amount * 1024 * 1024 * 1024),
            "" => (null, "has no unit: sizes end in B, KiB, MiB or GiB"),
            _ => (null, $"has the unit {unit}: sizes end in B, KiB, MiB or GiB"),
        });

    public static readonly ScalarType Integer = new("a whole number", "2", "integer", null, null, text =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? (value, null) : (null, "is not a whole number"));

    public static readonly ScalarType EvenPixels = new("an even number of pixels", "720", "integer", null, null, text =>
        !int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? (null, "is not a number of pixels")
        : value % 2 != 0 ? (null, "is odd: sizes are even, because colour is kept for blocks of 2x2 pixels")
        : (value, null));

    public static readonly ScalarType Number = new("a number", "29.97", "number", null, null, text =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) ? (value, null) : (null, "is not a number"));

    public static readonly ScalarType Boolean = new("true or false", "true", "boolean", null, ["true", "false"], text => text switch
    {
        "true" => (true, null),
        "false" => (false, null),
        _ => (null, "is neither true nor false"),
    });

    public static readonly ScalarType Endpoint = new("an address and port", "0.0.0.0:1935", "string", "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+|localhost):[0-9]{1,5}$", null, ParseEndpoint);

    public static readonly ScalarType RenditionTemplate = new("a name with {stream} and {rendition}", "\"{stream}_{rendition}\"", "string", "\\{stream\\}.+\\{rendition\\}|\\{rendition\\}.+\\{stream\\}", null, text =>
        TemplateRegex().IsMatch(text) ? (new RenditionNaming(text), null)
        : (null, "is not a rendition's name: it needs {stream} and {rendition} once each, something between them, and only letters, digits, _ . and - besides"));

    /// <summary>Its rules and messages are <see cref="PushUrl.Check"/>'s.</summary>
    public static readonly ScalarType RtmpUrl = new("an rtmp address", "\"rtmp://cdn.example.com/app/{stream}_{rendition}\"", "string", "^rtmps?://", null, text =>
        PushUrl.Check(text) is { } wrong ? (null, wrong.Problem) : (new PushUrl(text), null));

    public static readonly ScalarType RtmpServer = new("an rtmp server's address", "\"rtmp://other.example.com/\"", "string", "^rtmps?://[^/?#@]+/[^?#]*$", null, text =>
        Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "rtmp" or "rtmps" && address.Host.Length > 0 &&
        address.UserInfo.Length + address.Query.Length + address.Fragment.Length == 0 && text.IndexOf('/', "rtmps://".Length) > 0 && !text.Any(char.IsWhiteSpace)
            ? (text, null)
            : (null, "is not an rtmp server's address: rtmp://host/ or rtmp://host/app, without a stream, a password or parameters"));

    public static ScalarType WordOf<T>(string name, params (string Word, T Value)[] words)
        where T : notnull
    {
        var byWord = words.ToDictionary(w => w.Word, w => (object)w.Value, StringComparer.Ordinal);
        var list = words.Select(w => w.Word).ToList();
        return new ScalarType(name, list[0], "string", null, list, text =>
            byWord.TryGetValue(text, out var value) ? (value, null) : (null, "is not " + name));
    }

    public static ScalarType Codec(string name, params CodecId[] codecs) => WordOf(name, [.. codecs.Select(c => (c.Name(), c))]);

    private static (object?, string?) Whole(decimal amount) =>
        amount > int.MaxValue ? (null, "is too large") : amount != decimal.Truncate(amount) ? (null, "is not a whole number of units") : ((int)amount, null);

    private static (decimal Amount, string Unit)? Quantity(string text)
    {
        var match = QuantityRegex().Match(text);
        return match.Success && decimal.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount) && amount < 1_000_000_000_000
            ? (amount, match.Groups[2].Value)
            : null;
    }

    private static (object?, string?) ParseEndpoint(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 0 || text.EndsWith(']'))
        {
            return (null, "has no port");
        }

        if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port > 65535)
        {
            return (null, "has no port from 0 to 65535 after its colon");
        }

        var host = text[..colon];
        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        var literal = host == "localhost" ? "127.0.0.1" : bracketed ? host[1..^1] : host;
        return bracketed == literal.Contains(':', StringComparison.Ordinal) && IPAddress.TryParse(literal, out var address) && (bracketed || literal.Count(c => c == '.') == 3)
            ? (new IPEndPoint(address, port), null)
            : (null, "has no IP address before its port: a name can't be listened on; use 0.0.0.0 for all IPv4 interfaces, [::] for IPv6 too");
    }

    [GeneratedRegex(@"^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z/]*)$")]
    private static partial Regex QuantityRegex();

    [GeneratedRegex(NamePattern)]
    private static partial Regex NameRegex();

    [GeneratedRegex(@"^[A-Za-z0-9_.-]*(\{stream\}[A-Za-z0-9_.-]+\{rendition\}|\{rendition\}[A-Za-z0-9_.-]+\{stream\})[A-Za-z0-9_.-]*$")]
    private static partial Regex TemplateRegex();
}
