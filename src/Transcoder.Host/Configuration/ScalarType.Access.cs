using System.Globalization;
using System.Net;

namespace Transcoder.Host.Configuration;

/// <content>Values of the front door: files, networks, web addresses, fingerprints.</content>
internal sealed partial record ScalarType
{
    // Not made of other types with `with`: across the files of a class nobody says which field is made first.
    public static readonly ScalarType File = new("a file's path", "/etc/transcoder/file", "string", null, null, text => text.Length > 0 ? (text, null) : (null, "is empty"));

    /// <summary>A size that may pass 2 GiB.</summary>
    public static readonly ScalarType Memory = new("an amount of memory", "4GiB", "string", "^[0-9]+(\\.[0-9]+)?(MiB|GiB)$", null, text =>
        Quantity(text) is not var (amount, unit) ? (null, "is not a size") : unit switch
        {
            "MiB" => ((long)(amount * 1024 * 1024), null),
            "GiB" => ((long)(amount * 1024 * 1024 * 1024), null),
            "" => (null, "has no unit: memory ends in MiB or GiB"),
            _ => (null, $"has the unit {unit}: memory ends in MiB or GiB"),
        });

    public static readonly ScalarType Network = new("a network", "\"10.0.0.0/8\"", "string", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$", null, text =>
        IPAddress.TryParse(text, out var single) ? (new IPNetwork(single, single.GetAddressBytes().Length * 8), null)
        : IPNetwork.TryParse(text, out var network) ? (network, null)
        : (null, "is not a network: an address, or its first address, / and the number of its bits (10.0.0.0/8, 2001:db8::/32)"));

    public static readonly ScalarType HttpUrl = new("a web address", "\"http://127.0.0.1:9000/hook\"", "string", "^https?://", null, text =>
        HttpAddress.TryParse(text) is { } address ? (address, null) : (null, "is not an http or https address"));

    public static readonly ScalarType Pin = new("a certificate's fingerprint", "sha256:0123...ef", "string", "^sha256:([0-9A-Fa-f]{2}:?){32}$", null, text =>
        ParsePin(text) is { } pin ? (pin, null)
        : (null, "is not a fingerprint: sha256: and 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them"));

    private static string? ParsePin(string text)
    {
        const string Prefix = "sha256:";
        if (!text.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var digits = text[Prefix.Length..].Replace(":", string.Empty, StringComparison.Ordinal).ToLower(CultureInfo.InvariantCulture);
        return digits.Length == 64 && digits.All(char.IsAsciiHexDigit) ? digits : null;
    }
}
