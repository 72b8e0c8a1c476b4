using System.Globalization;
using Transcoder.Host.Configuration;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>
/// An address that says until when it is good and proves it. What is signed, as UTF-8, is three lines without an end of line after the last:
/// <c>publish</c> or <c>play</c>; <c>APP/STREAM</c>; and the time that stands behind <c>expires=</c>, in seconds since 1970. <c>signature=</c> is the
/// HMAC-SHA256 of that in hexadecimal.
/// </summary>
internal static class SignedAddress
{
    public const string Expires = "expires";
    public const string Signature = "signature";

    public static string TextToSign(AccessAction action, string app, string stream, string expires) =>
        $"{Word(action)}\n{app}/{stream}\n{expires}";

    /// <summary>The parameters to put behind the stream's name.</summary>
    public static string Sign(Secret secret, AccessAction action, string app, string stream, DateTimeOffset expires)
    {
        var seconds = expires.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return $"{Expires}={seconds}&{Signature}={Convert.ToHexStringLower(secret.Sign(TextToSign(action, app, stream, seconds)))}";
    }

    public static string Word(AccessAction action) => action == AccessAction.Publish ? "publish" : "play";
}
