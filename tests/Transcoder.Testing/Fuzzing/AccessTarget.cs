using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Testing.Http;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// What clients bring to be let in, and what others' servers answer about them: a verdict with words for a log comes of it, nothing is thrown, and nobody comes in
/// without the secret.
/// </summary>
internal static class AccessTarget
{
    public static readonly IReadOnlyList<FuzzTarget> All =
    [
        new("query", static input => Bounds.Check(input, 2000, Query)),
        new("JWT", static input => Bounds.Check(input, 2000, Jwt)),
        new("JWKS", static input => Bounds.Check(input, 2000, Jwks)),
        new("hook", static input => Bounds.Check(input, 2000, Hook)),
    ];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly HttpAddress Address = new(new Uri("http://h/"));

    // Of this process alone: no input, and no mutation of one, can have been signed with it.
    private static readonly Secret Secret = new(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)));
    private static readonly ValueList<Secret> Secrets = new([Secret]);
    private static readonly FakeHttp Http = new();
    private static readonly HttpClient Client = new(Http);
    private static readonly SignedRule Signed = new(new SignedOptions(Secrets, default), TimeProvider.System);
    private static readonly TokenRule Token = new(new JwtOptions(null, null, Secrets, null, null, default, default), Client, TimeProvider.System, NullLogger.Instance);

    private static readonly HookOptions HookOptions =
        new(Address, null, null, null, Secret, Patience, Retries: 0, HookFailure.Deny, Concurrency: 1, Queue: 1);

    private static void Query(byte[] bytes)
    {
        var request = new AccessRequest("live", "cam1", null, "peer") { Query = Encoding.UTF8.GetString(bytes) };
        foreach (var rule in (IAccessRule[])[Signed, Token])
        {
            Promise.Holds(Judge(rule, request) != Verdict.Allow, "let in without the secret");
        }
    }

    /// <summary>A line with the header and the claims behind it, as who knows the secret would sign them.</summary>
    private static void Jwt(byte[] bytes)
    {
        var line = bytes.AsSpan().IndexOf((byte)'\n');
        var header = bytes.AsSpan(0, Math.Max(line, 0));
        var text = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(bytes.AsSpan(line + 1))}";
        _ = Judge(Token, new AccessRequest("live", "cam1", null, "peer") { Query = $"token={text}.{Base64Url.EncodeToString(Secret.Sign(text))}" });
    }

    private static Verdict Judge(IAccessRule rule, AccessRequest request)
    {
        var judging = rule.JudgeAsync(request, CancellationToken.None).AsTask();
        Promise.Holds(judging.Wait(Patience), "no verdict");
        var opinion = judging.Result;
        Promise.Holds((opinion.Verdict == Verdict.Deny) == (opinion.Reason.Code is not null), "a denial without a reason, or a reason without one");
        Promise.Holds(opinion.Reason.Detail is not { } detail || (detail.Length < 1000 && !detail.Any(char.IsControl)), "a client's words fill or forge log lines");
        return opinion.Verdict;
    }

    private static void Jwks(byte[] bytes)
    {
        Http.Requests.Clear();
        Http.Answer = (_, _) => Say(HttpStatusCode.OK, bytes);
        var rule = new TokenRule(new JwtOptions(Address, null, Secrets, null, null, default, Patience), Client, TimeProvider.System, NullLogger.Instance);
        foreach (var algorithm in (string[])["RS256", "PS256", "ES256", "HS256"])
        {
            var text = $"{Encoded($"{{\"alg\":\"{algorithm}\",\"kid\":\"one\"}}")}.{Encoded("""{"exp":4100000000,"app":"live","stream":"cam1","action":"publish"}""")}";
            var verdict = Judge(rule, new AccessRequest("live", "cam1", null, "peer") { Query = $"token={text}.{Encoded(new string('s', 64))}" });
            Promise.Holds(verdict == Verdict.Deny, "let in without the secret");
        }
    }

    /// <summary>A status in the first two bytes, and the answer's body.</summary>
    private static void Hook(byte[] bytes)
    {
        var status = bytes.Length < 2 ? 200 : ((bytes[0] << 8) | bytes[1]) % 1000;
        Http.Requests.Clear();
        Http.Answer = (_, _) => Say((HttpStatusCode)status, bytes.Length < 2 ? bytes : bytes[2..]);
        using var caller = new HookCaller("live", HookOptions, Client, TimeProvider.System, NullLogger.Instance);
        var asking = caller.AskAsync(Address, HookEvent.Begin(new AccessRequest("live", "cam1", null, "peer")), CancellationToken.None);
        Promise.Holds(asking.Wait(Patience), "no answer");
        var (result, words) = asking.Result;
        Promise.Holds(result is HookResult.Failed == status is < 200 or >= 500 or (>= 300 and < 400) or 408 or 429, $"{result} of an answer with {status}");
        Promise.Holds(words.Length <= 200 && !words.Any(char.IsControl), "a hook's words fill or forge log lines");
    }

    private static string Encoded(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static Task<HttpResponseMessage> Say(HttpStatusCode status, byte[] body) =>
        Task.FromResult(new HttpResponseMessage(status) { Content = new ByteArrayContent(body) });
}
