using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving;
using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Access;

public sealed class AccessAuthorizerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("transcoder-keys-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("live", ServingOptions.Key, true)]
    [InlineData("live", "another-one-3", true)]
    [InlineData("live", "publish-secret-", false)]
    [InlineData("live", "", false)]
    [InlineData("live", null, false)]
    [InlineData("open", null, true)]
    [InlineData("open", "whatever", true)]
    public async Task Only_a_key_of_the_application_opens_it_and_none_is_asked_where_none_is_given(string app, string? key, bool admitted)
    {
        using var access = Open(ServingOptions.Read());
        var refusal = await access.AuthorizeAsync(new AccessRequest(app, "show", key, "peer"), default);
        Assert.Equal(admitted ? null : Reasons.BadKey, refusal?.Code);
        Assert.DoesNotContain("secret", refusal?.Detail ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publishing_and_playing_have_keys_of_their_own()
    {
        using var access = Open(Live("publish: { keys: [for-publishers] }", "play: { keys: [for-players] }"));
        var publish = new AccessRequest("live", "show", "for-publishers", "peer");
        Assert.Null(await access.AuthorizeAsync(publish, default));
        Assert.Equal(Reasons.BadKey, (await access.AuthorizeAsync(publish with { Action = AccessAction.Play }, default))?.Code);
        Assert.Null(await access.AuthorizeAsync(publish with { Action = AccessAction.Play, Key = "for-players" }, default));
        Assert.Equal(Reasons.BadKey, (await access.AuthorizeAsync(publish with { Key = "for-players" }, default))?.Code);
    }

    [Fact]
    public async Task A_file_of_keys_is_read_again_when_it_changes_and_an_unreadable_one_changes_nothing()
    {
        var file = Path.Combine(_folder, "live.keys");
        File.WriteAllText(file, "# the old one\n  monday-key  \n\n");
        using var access = Open(Live($"publish: {{ keys: [always-good], keys_file: {file} }}"));
        await ExpectAsync("monday-key", null);
        await ExpectAsync("always-good", null);
        await ExpectAsync("tuesday-key", Reasons.BadKey);
        await ExpectAsync("# the old one", Reasons.BadKey);

        // Written in place, it is empty for a moment.
        File.WriteAllText(file, "");
        access.Tick();
        await ExpectAsync("monday-key", null);
        File.WriteAllText(file, "tuesday-key\nmonday-key");
        access.Tick();
        access.Tick();
        await ExpectAsync("monday-key", null);
        await ExpectAsync("tuesday-key", null);

        File.WriteAllText(file, "tuesday-key");
        access.Tick();
        access.Tick();
        await ExpectAsync("monday-key", Reasons.BadKey);

        File.Delete(file);
        access.Tick();
        access.Tick();
        await ExpectAsync("tuesday-key", null);

        async Task ExpectAsync(string key, string? refusal) =>
            Assert.Equal(refusal, (await access.AuthorizeAsync(new AccessRequest("live", "show", key, "peer"), default))?.Code);
    }

    [Fact]
    public void A_file_of_keys_that_is_not_there_at_the_start_is_told_by_name() =>
        Assert.Contains("/nowhere/keys", Assert.Throws<StartException>(() => Open(Live("publish: { keys_file: /nowhere/keys }"))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Who_brings_nothing_is_told_every_way_in_and_one_bad_credential_spoils_a_good_one()
    {
        using var access = Open(Live("publish: { keys: [for-publishers], signed: { secrets: [signing-secret] } }"));
        var nothing = await access.AuthorizeAsync(new AccessRequest("live", "show", null, "peer"), default);
        Assert.Equal((Reasons.Unauthorized, "this application asks for ?key=… behind the stream name or a signed address (?expires=…&signature=…)"), (nothing?.Code, nothing?.Detail));
        var both = new AccessRequest("live", "show", "for-publishers", "peer") { Query = "key=for-publishers&expires=1&signature=00" };
        Assert.Equal(Reasons.BadSignature, (await access.AuthorizeAsync(both, default))?.Code);
        Assert.Null(await access.AuthorizeAsync(both with { Query = "" }, default));
    }

    private static TranscoderOptions Live(params string[] lines)
    {
        var result = ConfigurationFile.Parse($"apps:\n  live:\n{string.Concat(lines.Select(line => $"    {line}\n"))}");
        Assert.Empty(result.Errors);
        return result.Options!;
    }

    private static AccessAuthorizer Open(TranscoderOptions options) => new(options, TimeProvider.System, NullLogger<AccessAuthorizer>.Instance);
}
