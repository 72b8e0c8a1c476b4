using Transcoder.Host.Serving;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving;

public sealed class KeyAuthorizerTests
{
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
        var refusal = await new KeyAuthorizer(ServingOptions.Read()).AuthorizePublishAsync(new AccessRequest(app, "show", key, "peer"), default);
        Assert.Equal(admitted ? null : Reasons.BadKey, refusal?.Code);
        Assert.DoesNotContain("secret", refusal?.Detail ?? "", StringComparison.Ordinal);
    }
}
