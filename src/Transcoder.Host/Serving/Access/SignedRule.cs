using System.Globalization;
using System.Security.Cryptography;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>Lets in with a <see cref="SignedAddress"/> that has not ended.</summary>
internal sealed class SignedRule(SignedOptions options, TimeProvider clock) : IAccessRule
{
    public string Asks => "a signed address (?expires=…&signature=…)";

    public string MissingCode => Reasons.BadSignature;

    public ValueTask<Opinion> JudgeAsync(AccessRequest request, CancellationToken cancellationToken) => new(Judge(request));

    private Opinion Judge(AccessRequest request)
    {
        var expires = request.Parameter(SignedAddress.Expires);
        var signature = request.Parameter(SignedAddress.Signature);
        if (expires is null && signature is null)
        {
            return Opinion.None;
        }

        if (expires is null || signature is null)
        {
            return Opinion.Deny(Reasons.BadSignature, $"signed: {(expires is null ? SignedAddress.Expires : SignedAddress.Signature)}= is missing from the address");
        }

        // The signature first: an unsigned time says nothing.
        var given = new byte[SHA256.HashSizeInBytes];
        var text = SignedAddress.TextToSign(request.Action, request.App, request.Stream, expires);
        var wellFormed = Convert.FromHexString(signature, given, out _, out var written) == System.Buffers.OperationStatus.Done && written == given.Length;
        var good = false;
        foreach (var secret in options.Secrets)
        {
            good |= CryptographicOperations.FixedTimeEquals(given, secret.Sign(text));
        }

        if (!good || !wellFormed)
        {
            return Opinion.Deny(Reasons.BadSignature, $"signed: the signature is not for {SignedAddress.Word(request.Action)} of this stream until this time");
        }

        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var until))
        {
            return Opinion.Deny(Reasons.BadSignature, "signed: expires= is not a number of seconds");
        }

        var late = clock.GetUtcNow().ToUnixTimeSeconds() - until;
        return late > options.ClockSkew.TotalSeconds
            ? Opinion.Deny(Reasons.CredentialExpired, $"signed: the address ended {late} s ago")
            : Opinion.Allow;
    }
}
