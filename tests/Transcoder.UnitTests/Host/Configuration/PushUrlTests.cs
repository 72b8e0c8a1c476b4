using Transcoder.Host.Configuration;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

public sealed class PushUrlTests
{
    [Fact]
    public void Placeholders_are_filled_in() =>
        Assert.Equal("rtmp://h/live/cam_720p?k=720p", new PushUrl("rtmp://h/{app}/{stream}_{rendition}?k={rendition}").For("live", "cam", "720p"));

    [Theory]
    [InlineData("rtmp://h/app/{stream}_{rendition}?token=x", "rtmp://h/app/cam_720p?token=***")]
    [InlineData("rtmp://a.example/live2/abcd-efgh-ijkl", "rtmp://a.example/live2/***")]
    [InlineData("rtmp://u:p@a.example/x/live_1234?b=test", "rtmp://***@a.example/x/***?b=***")]
    public void A_shown_address_holds_no_secret(string template, string shown) =>
        Assert.Equal(shown, new PushUrl(template).ForDisplay("live", "cam", "720p"));

    [Fact]
    public void Printing_it_hides_the_secret_too() => Assert.DoesNotContain("abcd", $"{new PushUrl("rtmp://h/app/abcd")}", StringComparison.Ordinal);

    [Theory]
    [InlineData("http://host/app/x")]
    [InlineData("rtmp://host/app")]
    [InlineData("rtmp:///app/x")]
    [InlineData("rtmp://{app}/app/x")]
    [InlineData("rtmp://{stream}:password@host/app/{stream}")]
    [InlineData("rtmp://host/app/{name}")]
    [InlineData("rtmp://host/app/{stream")]
    [InlineData("rtmp://host/app/a b")]
    [InlineData("host/app/x")]
    [InlineData("")]
    public void A_bad_address_is_refused_with_advice(string template)
    {
        var wrong = PushUrl.Check(template);
        Assert.NotNull(wrong);
        Assert.NotEmpty(wrong.Value.Problem);
        Assert.NotEmpty(wrong.Value.Instead);
    }
}
