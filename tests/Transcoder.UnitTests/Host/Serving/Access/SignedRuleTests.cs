using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Access;

public sealed class SignedRuleTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
    private static readonly Secret Old = new("the-old-secret");
    private static readonly Secret New = new("the-new-secret");

    private readonly FakeTimeProvider _clock = new(Now);
    private readonly SignedRule _rule;

    public SignedRuleTests() => _rule = new SignedRule(new SignedOptions(new ValueList<Secret>([New, Old]), TimeSpan.FromSeconds(30)), _clock);

    /// <summary>From <c>printf 'publish\nlive/cam1\n1800003600' | openssl dgst -sha256 -hmac the-new-secret</c>.</summary>
    [Fact]
    public void What_is_signed_is_what_the_manual_says() => Assert.Equal(
        "expires=1800003600&signature=0ed4d4556dc8343b766119fc4a9d844d6c589539ea26a07fc08612e726057c6d",
        SignedAddress.Sign(New, AccessAction.Publish, "live", "cam1", Now.AddHours(1)));

    [Fact]
    public async Task Every_secret_of_the_list_is_good_until_the_address_ends_and_a_little_longer()
    {
        foreach (var secret in new[] { Old, New })
        {
            Assert.Equal(Verdict.Allow, (await JudgeAsync(SignedAddress.Sign(secret, AccessAction.Publish, "live", "cam1", Now))).Verdict);
            Assert.Equal(Verdict.Allow, (await JudgeAsync(SignedAddress.Sign(secret, AccessAction.Publish, "live", "cam1", Now.AddSeconds(-30)))).Verdict);
            await DeniedAsync(SignedAddress.Sign(secret, AccessAction.Publish, "live", "cam1", Now.AddSeconds(-31)), Reasons.CredentialExpired);
        }
    }

    [Fact]
    public async Task An_address_that_was_changed_in_any_part_is_refused_without_showing_its_signature()
    {
        var good = SignedAddress.Sign(New, AccessAction.Publish, "live", "cam1", Now.AddHours(1));
        await DeniedAsync(good.Replace("expires=1", "expires=2", StringComparison.Ordinal), Reasons.BadSignature);
        await DeniedAsync(good[..^1] + (good[^1] == '0' ? '1' : '0'), Reasons.BadSignature);
        await DeniedAsync(good[..^1], Reasons.BadSignature);
        await DeniedAsync(good + "zz", Reasons.BadSignature);
        await DeniedAsync(good, Reasons.BadSignature, stream: "cam2");
        await DeniedAsync(good, Reasons.BadSignature, action: AccessAction.Play);
        await DeniedAsync(SignedAddress.Sign(new Secret("another"), AccessAction.Publish, "live", "cam1", Now.AddHours(1)), Reasons.BadSignature);
        await DeniedAsync("expires=1800003600", Reasons.BadSignature);
        await DeniedAsync("signature=00", Reasons.BadSignature);
        await DeniedAsync("expires=99999999999999999999&signature=00", Reasons.BadSignature);
    }

    [Fact]
    public async Task Upper_case_is_as_good_and_an_address_without_a_signature_is_somebody_elses_business()
    {
        var good = SignedAddress.Sign(New, AccessAction.Publish, "live", "cam1", Now.AddHours(1));
        Assert.Equal(Verdict.Allow, (await JudgeAsync($"expires=1800003600&signature={good[^64..].ToUpperInvariant()}")).Verdict);
        Assert.Equal(Verdict.NoOpinion, (await JudgeAsync("key=abc")).Verdict);
    }

    private ValueTask<Opinion> JudgeAsync(string query, string stream = "cam1", AccessAction action = AccessAction.Publish) =>
        _rule.JudgeAsync(new AccessRequest("live", stream, null, "peer") { Query = query, Action = action }, default);

    private async Task DeniedAsync(string query, string code, string stream = "cam1", AccessAction action = AccessAction.Publish)
    {
        var opinion = await JudgeAsync(query, stream, action);
        Assert.Equal((Verdict.Deny, code), (opinion.Verdict, opinion.Reason.Code));
        Assert.DoesNotContain(query[^Math.Min(query.Length, 10)..], opinion.Reason.Detail, StringComparison.Ordinal);
        Assert.StartsWith("signed: ", opinion.Reason.Detail, StringComparison.Ordinal);
    }
}
