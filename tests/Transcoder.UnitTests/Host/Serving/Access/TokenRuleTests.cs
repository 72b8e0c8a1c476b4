using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Testing.Http;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Access;

/// <summary>Tokens are made here by hand: the library that checks them must not be the one that makes them.</summary>
public sealed class TokenRuleTests : IDisposable
{
    private const string Secret = "0123456789abcdef0123456789abcdef";
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private readonly FakeTimeProvider _clock = new(Now);
    private readonly FakeHttp _http = new();
    private readonly ECDsa _ec = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly RSA _rsa = RSA.Create(2048);

    public void Dispose()
    {
        _http.Dispose();
        _ec.Dispose();
        _rsa.Dispose();
    }

    [Fact]
    public async Task A_token_signed_with_the_secret_lets_in_whom_it_names()
    {
        var rule = WithSecret();
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Hs256(Claims()))).Verdict);
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Hs256(Claims(stream: "\"cam*\"")))).Verdict);
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Hs256(Claims(stream: "[\"x\", \"cam1\"]", action: "[\"play\", \"publish\"]")))).Verdict);
        Assert.Equal(Verdict.NoOpinion, (await rule.JudgeAsync(new AccessRequest("live", "cam1", "k", "peer") { Query = "key=k" }, default)).Verdict);
    }

    [Theory]
    [InlineData("\"exp\":1799999969", Reasons.CredentialExpired, "has ended")]
    [InlineData("\"x\":1", Reasons.BadToken, "exp")]
    [InlineData("\"exp\":1800000600,\"nbf\":1800000031", Reasons.BadToken, "nbf")]
    [InlineData("\"exp\":1799999971,\"nbf\":1800000029", null, "")]
    public async Task Its_time_is_obeyed_with_the_clock_skew(string times, string? code, string words)
    {
        var opinion = await JudgeAsync(WithSecret(), Hs256($"{{{times},\"app\":\"live\",\"stream\":\"cam1\",\"action\":\"publish\"}}"));
        Assert.Equal(code, opinion.Reason.Code);
        Assert.Contains(words, opinion.Reason.Detail ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"cam2\"", "\"publish\"", "\"live\"", "stream")]
    [InlineData("\"cam\"", "\"publish\"", "\"live\"", "stream")]
    [InlineData("\"cam1\"", "\"play\"", "\"live\"", "action")]
    [InlineData("\"cam1\"", "\"publish\"", "\"other\"", "app")]
    [InlineData("[]", "\"publish\"", "\"live\"", "stream")]
    [InlineData("{}", "\"publish\"", "\"live\"", "stream")]
    public async Task A_token_for_something_else_is_refused_by_the_claim(string stream, string action, string app, string claim)
    {
        var opinion = await JudgeAsync(WithSecret(), Hs256(Claims(stream, action, app)));
        Assert.Equal((Verdict.Deny, Reasons.BadToken), (opinion.Verdict, opinion.Reason.Code));
        Assert.Contains($"claim {claim}", opinion.Reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Issuer_and_audience_are_looked_at_where_they_are_set()
    {
        var rule = WithSecret(issuer: "me", audience: "transcoder");
        const string Rest = "\"exp\":1800000600,\"app\":\"live\",\"stream\":\"cam1\",\"action\":\"publish\"";
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Hs256($"{{\"iss\":\"me\",\"aud\":[\"a\",\"transcoder\"],{Rest}}}"))).Verdict);
        Assert.Contains("iss", (await JudgeAsync(rule, Hs256($"{{\"iss\":\"you\",\"aud\":\"transcoder\",{Rest}}}"))).Reason.Detail, StringComparison.Ordinal);
        Assert.Contains("aud", (await JudgeAsync(rule, Hs256($"{{\"iss\":\"me\",\"aud\":\"a\",{Rest}}}"))).Reason.Detail, StringComparison.Ordinal);
        Assert.Contains("aud", (await JudgeAsync(rule, Hs256($"{{\"iss\":\"me\",{Rest}}}"))).Reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Forged_and_broken_tokens_are_refused_and_none_is_shown()
    {
        _http.Answer = (_, _) => FakeHttp.Say(HttpStatusCode.OK, KeySet("one"));
        var rule = Rule(new JwtOptions(HttpAddress.TryParse("https://h/jwks"), null, new ValueList<Secret>([new Secret(Secret)]), null, null, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10)));
        var good = Hs256(Claims());
        var publicKey = _ec.ExportSubjectPublicKeyInfoPem();
        string[] bad =
        [
            good[..^4] + "AAAA",
            good[..good.LastIndexOf('.')] + ".",
            Token("""{"alg":"none"}""", Claims(), _ => []),
            Token("""{"alg":"None","typ":"JWT"}""", Claims(), _ => []),
            Token("""{"alg":"HS512"}""", Claims(), text => HMACSHA512.HashData(Encoding.ASCII.GetBytes(Secret), text)),
            Token("""{"alg":"HS256","kid":"one"}""", Claims(), text => HMACSHA256.HashData(Encoding.ASCII.GetBytes(publicKey), text)),
            Token("""{"alg":"RS256","kid":"one"}""", Claims(), text => _rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
            "", "a", "a.b.c", "eyJ.eyJ.eyJ", "eyJhbGciOiJIUzI1NiJ9.A.AA.AA.AA", new string('a', 20_000), $"{good}.x.y",
        ];
        foreach (var token in bad)
        {
            var opinion = await JudgeAsync(rule, token);
            Assert.True(opinion.Verdict == Verdict.Deny, token);
            Assert.Equal(Reasons.BadToken, opinion.Reason.Code);
            Assert.True(token.Length < 6 || !opinion.Reason.Detail.Contains(token[..6], StringComparison.Ordinal), opinion.Reason.Detail);
        }
    }

    /// <summary>Anybody may send these, before anything is known of him: an exception would be a defect in the log for each.</summary>
    [Fact]
    public async Task Headers_and_claims_of_any_shape_are_refused_without_an_exception()
    {
        string[] values = ["null", "5", "-1", "1e400", "true", "\"\"", "\"x\"", "[]", "[null]", "[[1]]", "{}", "{\"a\":{\"b\":1}}", "\"\\u0000\"", "\"\\ud800\"", "99999999999999999999"];
        string[] names = ["alg", "kid", "typ", "cty", "enc", "zip", "x5t", "exp", "nbf", "iat", "iss", "aud", "app", "stream", "action", "sub", "jti", "actort"];
        List<(string Header, string Claims)> tokens = [("{}", "{}"), ("[]", "[]"), ("\"a\"", "1"), ("", ""), ("{", "{"), ("null", "null"), (new string('[', 3000), "{}")];
        foreach (var value in values)
        {
            foreach (var name in names)
            {
                tokens.Add(($"{{\"alg\":\"HS256\",\"{name}\":{value}}}", Claims()));
                tokens.Add(($"{{\"{name}\":{value},\"alg\":\"HS256\"}}", Claims()));
                tokens.Add(("""{"alg":"HS256"}""", $"{{\"exp\":1800000600,\"app\":\"live\",\"{name}\":{value}}}"));
                tokens.Add(("""{"alg":"HS256"}""", $"{{\"{name}\":{value}}}"));
            }
        }

        tokens.Add(("""{"alg":"HS256"}""", "{\"exp\":1800000600,\"iss\":\"me\",\"aud\":\"transcoder\",\"action\":[\"no UTF-8: \u00C2\"]}"));
        tokens.Add(("""{"alg":"HS256"}""", $"{{\"exp\":1800000600,\"app\":{new string('[', 2000)}"));
        var rule = WithSecret("me", "transcoder");
        foreach (var (header, claims) in tokens)
        {
            var token = Token(header, claims, text => HMACSHA256.HashData(Encoding.ASCII.GetBytes(Secret), text));
            var opinion = await JudgeAsync(rule, token);
            Assert.True(opinion.Verdict == Verdict.Deny, $"{header} {claims}");
        }

        // The same bytes under other signatures, cut and damaged.
        var random = new Random(3);
        var whole = Encoding.ASCII.GetBytes(Hs256(Claims()));
        for (var run = 0; run < 3000; run++)
        {
            var damaged = (byte[])whole.Clone();
            damaged[random.Next(damaged.Length)] = (byte)random.Next(33, 127);
            await JudgeAsync(rule, Encoding.ASCII.GetString(damaged, 0, random.Next(damaged.Length + 1)));
        }
    }

    [Fact]
    public async Task A_shared_secret_is_not_taken_where_none_is_set_also_not_from_the_key_set()
    {
        var symmetric = Convert.ToBase64String(Encoding.ASCII.GetBytes(Secret)).TrimEnd('=');
        _http.Answer = (_, _) => FakeHttp.Say(HttpStatusCode.OK, $$"""{"keys":[{"kty":"oct","kid":"one","k":"{{symmetric}}"},{{EcKey("two")}}]}""");
        var rule = WithKeySet();
        Assert.Equal(Verdict.Deny, (await JudgeAsync(rule, Hs256(Claims()))).Verdict);
        Assert.Equal(Verdict.Deny, (await JudgeAsync(rule, Token("""{"alg":"HS256","kid":"one"}""", Claims(), text => HMACSHA256.HashData(Encoding.ASCII.GetBytes(Secret), text)))).Verdict);
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("two"))).Verdict);
    }

    [Fact]
    public async Task Keys_come_from_a_web_address_and_a_new_one_is_found_by_its_first_token_but_not_at_each()
    {
        var ids = "one";
        _http.Answer = (_, _) => FakeHttp.Say(HttpStatusCode.OK, KeySet(ids.Split(',')));
        var rule = WithKeySet();
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("one"))).Verdict);
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256(null))).Verdict);
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Token("""{"alg":"RS256","kid":"rsa"}""", Claims(), text => _rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)))).Verdict);
        Assert.Single(_http.Requests);

        ids = "one,two";
        Assert.Equal(Verdict.Deny, (await JudgeAsync(rule, Es256("two"))).Verdict);
        Assert.Single(_http.Requests);
        _clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("two"))).Verdict);
        for (var i = 0; i < 5; i++)
        {
            Assert.Contains("not in the key set", (await JudgeAsync(rule, Es256($"unknown{i}"))).Reason.Detail, StringComparison.Ordinal);
        }

        Assert.Equal(2, _http.Requests.Count);
    }

    [Fact]
    public async Task Keys_that_cannot_be_fetched_stay_as_they_were_and_a_server_that_hangs_runs_into_its_deadline()
    {
        var rule = WithKeySet(() => FakeHttp.Say(HttpStatusCode.OK, KeySet("one")));
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("one"))).Verdict);
        _http.Answer = (_, cancellation) => FakeHttp.NeverAsync(cancellation);
        _clock.Advance(TimeSpan.FromSeconds(61));
        rule.Tick();
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("one"))).Verdict);
        var waiting = JudgeAsync(rule, Es256("two"));
        Assert.False(waiting.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(Verdict.Deny, (await waiting.WaitAsync(TimeSpan.FromSeconds(10))).Verdict);
        _http.Answer = (_, _) => FakeHttp.Say(HttpStatusCode.OK, "<html>");
        _clock.Advance(TimeSpan.FromSeconds(61));
        rule.Tick();
        Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("one"))).Verdict);
    }

    [Fact]
    public async Task A_file_with_keys_is_read_again_when_it_changes()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, KeySet("one"));
            var rule = Rule(new JwtOptions(null, file, ValueList<Secret>.Empty, null, null, TimeSpan.Zero, TimeSpan.FromMinutes(10)));
            Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("one"))).Verdict);
            Assert.Equal(Verdict.Deny, (await JudgeAsync(rule, Es256("second"))).Verdict);
            File.WriteAllText(file, KeySet("second"));
            rule.Tick();
            Assert.Equal(Verdict.Allow, (await JudgeAsync(rule, Es256("second"))).Verdict);
            Assert.Equal(Verdict.Deny, (await JudgeAsync(rule, Es256("one"))).Verdict);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Claims(string stream = "\"cam1\"", string action = "\"publish\"", string app = "\"live\"") =>
        $"{{\"exp\":1800000600,\"app\":{app},\"stream\":{stream},\"action\":{action}}}";

    private static string Token(string header, string claims, Func<byte[], byte[]> sign)
    {
        var text = $"{Base64(Encoding.Latin1.GetBytes(header))}.{Base64(Encoding.Latin1.GetBytes(claims))}";
        return $"{text}.{Base64(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static string Hs256(string claims) =>
        Token("""{"alg":"HS256","typ":"JWT"}""", claims, text => HMACSHA256.HashData(Encoding.ASCII.GetBytes(Secret), text));

    private static Task<Opinion> JudgeAsync(TokenRule rule, string token) =>
        rule.JudgeAsync(new AccessRequest("live", "cam1", null, "peer") { Query = $"a=1&token={token}" }, default).AsTask();

    private string Es256(string? id) =>
        Token($"{{\"alg\":\"ES256\"{(id is null ? "" : $",\"kid\":\"{id}\"")}}}", Claims(), text => _ec.SignData(text, HashAlgorithmName.SHA256));

    private string EcKey(string id)
    {
        var key = _ec.ExportParameters(false);
        return JsonSerializer.Serialize(new { kty = "EC", crv = "P-256", kid = id, use = "sig", x = Base64(key.Q.X!), y = Base64(key.Q.Y!) });
    }

    private string KeySet(params string[] ids)
    {
        var key = _rsa.ExportParameters(false);
        var rsa = JsonSerializer.Serialize(new { kty = "RSA", kid = "rsa", n = Base64(key.Modulus!), e = Base64(key.Exponent!) });
        return $"{{\"keys\":[{rsa},{string.Join(',', ids.Select(EcKey))}]}}";
    }

    private TokenRule WithSecret(string? issuer = null, string? audience = null) =>
        Rule(new JwtOptions(null, null, new ValueList<Secret>([new Secret(Secret)]), issuer, audience, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10)));

    private TokenRule WithKeySet(Func<Task<HttpResponseMessage>>? answer = null)
    {
        _http.Answer = answer is null ? _http.Answer : (_, _) => answer();
        return Rule(new JwtOptions(HttpAddress.TryParse("https://h/jwks"), null, ValueList<Secret>.Empty, null, null, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(1)));
    }

    private TokenRule Rule(JwtOptions options) => new(options, new HttpClient(_http, disposeHandler: false), _clock, NullLogger.Instance);
}
