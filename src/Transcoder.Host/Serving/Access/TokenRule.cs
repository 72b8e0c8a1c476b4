using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>
/// Lets in with a JSON Web Token (RFC 7519) in <c>token=</c> whose claims <c>app</c>, <c>stream</c> and <c>action</c> name what is asked for. Each is a text or
/// a list; a stream may end in * for all that begin so. Only listed algorithms are taken, and each only with keys of its own kind.
/// </summary>
internal sealed class TokenRule : IAccessRule
{
    private const int LongestToken = 8 << 10;

    private static readonly string[] PublicKeyAlgorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = LongestToken };
    private readonly JwtOptions _options;
    private readonly TimeProvider _clock;
    private readonly TokenKeySet? _keySet;
    private readonly SecurityKey[] _secrets;

    public TokenRule(JwtOptions options, HttpClient http, TimeProvider clock, ILogger log)
    {
        _options = options;
        _clock = clock;
        _keySet = options.KeySet is null && options.KeySetFile is null ? null : new TokenKeySet(options, http, clock, log);
        _secrets = [.. options.Secrets.Select(secret => new SymmetricSecurityKey(Encoding.UTF8.GetBytes(secret.Value)))];

        // The first tokens should not wait for the keys.
        Tick();
    }

    public string Asks => "a token (?token=…)";

    public string MissingCode => Reasons.BadToken;

    public void Tick() => _keySet?.Tick();

    public async ValueTask<Opinion> JudgeAsync(AccessRequest request, CancellationToken cancellationToken)
    {
        if (request.Parameter("token") is not { } text)
        {
            return Opinion.None;
        }

        // The library reads late and documents little of what it throws: at base64url that is none, at text that is no UTF-8.
        try
        {
            return await JudgeAsync(text, request, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or FormatException or JsonException or InvalidOperationException)
        {
            return Deny("it is not a JSON Web Token");
        }
    }

    private async ValueTask<Opinion> JudgeAsync(string text, AccessRequest request, CancellationToken cancellationToken)
    {
        var token = _handler.ReadJsonWebToken(text);
        IReadOnlyList<SecurityKey> keys;
        if (token.Alg == SecurityAlgorithms.HmacSha256 && _secrets.Length > 0)
        {
            keys = _secrets;
        }
        else if (PublicKeyAlgorithms.Contains(token.Alg) && _keySet is not null)
        {
            keys = await _keySet.FindAsync(token.Kid, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            return Deny("its algorithm is not one that this application takes");
        }

        if (keys.Count == 0)
        {
            return Deny(_keySet!.IsEmpty ? "the keys to check it with could not be read so far" : "the key that it names is not in the key set");
        }

        var result = await _handler.ValidateTokenAsync(text, Parameters(token.Alg, keys)).ConfigureAwait(false);
        return result.IsValid ? JudgeClaims(token, request) : Refuse(result.Exception);
    }

    private TokenValidationParameters Parameters(string algorithm, IReadOnlyList<SecurityKey> keys) => new()
    {
        ValidAlgorithms = [algorithm],
        IssuerSigningKeys = keys,
        RequireSignedTokens = true,
        ValidateIssuer = _options.Issuer is not null,
        ValidIssuer = _options.Issuer,
        ValidateAudience = _options.Audience is not null,
        ValidAudience = _options.Audience,
        RequireExpirationTime = true,

        // The library would look at the machine's clock.
        LifetimeValidator = (notBefore, expires, _, _) =>
        {
            var now = _clock.GetUtcNow().UtcDateTime;
            return expires is null ? throw new SecurityTokenNoExpirationException()
                : now - _options.ClockSkew > expires ? throw new SecurityTokenExpiredException()
                : notBefore > now + _options.ClockSkew ? throw new SecurityTokenNotYetValidException()
                : true;
        },
    };

    private static Opinion Refuse(Exception problem) => problem switch
    {
        SecurityTokenExpiredException => Opinion.Deny(Reasons.CredentialExpired, "jwt: the token has ended"),
        SecurityTokenNoExpirationException => Deny("it has no time at which it ends (exp)"),
        SecurityTokenNotYetValidException => Deny("its time (nbf) has not begun"),
        SecurityTokenInvalidIssuerException => Deny("it is from another issuer (iss)"),
        SecurityTokenInvalidAudienceException => Deny("it is for another audience (aud)"),
        SecurityTokenInvalidSignatureException or SecurityTokenSignatureKeyNotFoundException => Deny("its signature is wrong"),
        _ => Deny("it can't be checked"),
    };

    private static Opinion JudgeClaims(JsonWebToken token, AccessRequest request)
    {
        var action = SignedAddress.Word(request.Action);
        return !Values(token, "action").Contains(action) ? Deny($"its claim action does not hold {action}")
            : !Values(token, "app").Contains(request.App) ? Deny("its claim app names another application")
            : !Values(token, "stream").Any(pattern => Covers(pattern, request.Stream)) ? Deny("its claim stream names another stream")
            : Opinion.Allow;
    }

    /// <summary>A list is several claims of one name.</summary>
    private static IEnumerable<string> Values(JsonWebToken token, string claim) => token.Claims.Where(c => c.Type == claim).Select(c => c.Value);

    private static bool Covers(string pattern, string stream) =>
        pattern.EndsWith('*') ? stream.StartsWith(pattern[..^1], StringComparison.Ordinal) : pattern == stream;

    private static Opinion Deny(string problem) => Opinion.Deny(Reasons.BadToken, $"jwt: the token is not good: {problem}");
}
