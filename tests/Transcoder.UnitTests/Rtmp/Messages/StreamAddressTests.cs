using Transcoder.Rtmp.Messages;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Messages;

public sealed class StreamAddressTests
{
    [Theory]
    [InlineData("live", "rtmp://h/live", "s", "live", "s", null)]
    [InlineData("/live/", "rtmp://h/live/", "s", "live", "s", null)]
    [InlineData("live", "rtmp://h/live", "s?key=k", "live", "s", "k")]
    [InlineData("live", "rtmp://h/live", "s?a=1&key=k&b=2", "live", "s", "k")]
    [InlineData("live?key=k", "rtmp://h/live?key=k", "s", "live", "s", "k")]
    [InlineData("live?key=app", "rtmp://h/live", "s?key=stream", "live", "s", "stream")]
    [InlineData("live", "rtmp://h/live?key=tc", "s", "live", "s", "tc")]
    [InlineData("a/b/c", "rtmp://h/a/b/c", "s", "a/b/c", "s", null)]
    [InlineData("live/s", "rtmp://h/live/s", "", "live", "s", null)]
    [InlineData("live?key=k/s", "rtmp://h/live?key=k/s", "", "live", "s", "k")]
    [InlineData("live/_definst_", "rtmp://h/live/_definst_", "s", "live", "s", null)]
    [InlineData("live/_definst_", "rtmp://h/live/_definst_", "mp4:a/s", "live", "a/s", null)]
    [InlineData("live...vhost...h", "rtmp://h/live...vhost...h", "s", "live", "s", null)]
    [InlineData("live?vhost=h&key=k", "rtmp://h/live?vhost=h&key=k", "s", "live", "s", "k")]
    [InlineData("live", "rtmp://h/live", "s?track=2&key=k", "live", "s", "k")]
    [InlineData("", "rtmp://h:1935/live", "s", "live", "s", null)]
    [InlineData("live#key=k", "rtmp://h/live", "s", "live", "s", "k")]
    [InlineData("live", null, "mp4:s", "live", "s", null)]
    [InlineData("live", null, "flv:s", "live", "s", null)]
    [InlineData("live", null, "s.flv", "live", "s", null)]
    [InlineData("live", null, "/s", "live", "s", null)]
    [InlineData("live", null, "s?key=a%20b", "live", "s", "a b")]
    [InlineData("live", null, "s?key=", "live", "s", "")]
    public void Every_form_that_clients_use_is_understood(string app, string? tcUrl, string name, string expectedApp, string expectedStream, string? key)
    {
        var address = StreamAddress.Parse(app, tcUrl, name);
        Assert.Equal((expectedApp, expectedStream, key), (address.App, address.Stream, address.Key));
        Assert.True(address.IsValid);
        Assert.Equal($"{expectedApp}/{expectedStream}", address.ToString());
    }

    [Theory]
    [InlineData("live", "")]
    [InlineData("", "s")]
    [InlineData("live", "a b")]
    [InlineData("live", "a\nb")]
    [InlineData("live\0", "s")]
    [InlineData("live", "a\x9Bz")]
    public void Empty_and_unprintable_names_are_not_valid(string app, string name) => Assert.False(StreamAddress.Parse(app, null, name).IsValid);

    [Fact]
    public void Endless_names_are_not_valid() => Assert.False(StreamAddress.Parse("live", null, new string('x', 300)).IsValid);
}
