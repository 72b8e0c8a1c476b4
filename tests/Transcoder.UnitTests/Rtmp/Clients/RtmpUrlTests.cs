using Transcoder.Rtmp.Clients;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Clients;

public sealed class RtmpUrlTests
{
    [Theory]
    [InlineData("rtmp://h/live/s?key=k", null, "rtmp://h/live", "s?key=k")]
    [InlineData("rtmp://h/live/s?key=k", "", "rtmp://h/live", "s?key=k")]
    [InlineData("rtmp://h/live/s?key=k", "rtmp://other:1936/app", "rtmp://other:1936/app", "s?key=k")]
    [InlineData("rtmp://h/live/s?key=k", "rtmp://other/app/", "rtmp://other/app", "s?key=k")]
    [InlineData("rtmp://h/live/s?key=k", "//other/app", "rtmp://other/app", "s?key=k")]
    [InlineData("rtmp://h:1936/live/s", "/app", "rtmp://h:1936/app", "s")]
    [InlineData("rtmp://h/a/b/s", "c", "rtmp://h/a/c", "s")]
    [InlineData("rtmps://h/live/s", "rtmps://other/live", "rtmps://other/live", "s")]
    [InlineData("rtmps://h/live/s", "rtmp://other/live", "rtmps://h/live", "s")]
    [InlineData("rtmp://h/live/s", "http://other/live", "rtmp://h/live", "s")]
    public void A_reconnect_request_leads_to_the_same_stream_and_never_off_TLS(string url, string? tcUrl, string expected, string stream)
    {
        var resolved = RtmpUrl.Parse(url).Resolve(tcUrl);
        Assert.Equal((expected, stream), (resolved.TcUrl, resolved.Stream));
    }

    [Theory]
    [InlineData("rtmp://h/live/s", "h", 1935, "live", "s", "rtmp://h/live")]
    [InlineData("rtmp://h:1936/live/s?key=a%20b", "h", 1936, "live", "s?key=a%20b", "rtmp://h:1936/live")]
    [InlineData("rtmp://h:80/live/s", "h", 80, "live", "s", "rtmp://h:80/live")]
    [InlineData("rtmp://h/a/b/s?p=x/y", "h", 1935, "a/b", "s?p=x/y", "rtmp://h/a/b")]
    [InlineData("rtmp://h/app?token=x/s", "h", 1935, "app?token=x", "s", "rtmp://h/app?token=x")]
    [InlineData("rtmps://h/live/s", "h", 443, "live", "s", "rtmps://h/live")]
    [InlineData("RTMP://[::1]:1935/live/s", "::1", 1935, "live", "s", "rtmp://[::1]/live")]
    public void Urls_come_apart(string text, string host, int port, string app, string stream, string tcUrl)
    {
        Assert.True(RtmpUrl.TryParse(text, out var url));
        Assert.Equal((host, port, app, stream, tcUrl), (url.Host, url.Port, url.App, url.Stream, url.TcUrl));
    }

    [Theory]
    [InlineData("http://h/live/s")]
    [InlineData("rtmp://h")]
    [InlineData("rtmp://h/live")]
    [InlineData("rtmp://h/live/")]
    [InlineData("rtmp:///live/s")]
    [InlineData("rtmp://h:99999/live/s")]
    [InlineData("rtmp://h/li\nve/s")]
    [InlineData("")]
    public void What_names_no_host_application_and_stream_is_refused(string text) => Assert.False(RtmpUrl.TryParse(text, out _));

    [Theory]
    [InlineData("rtmp://tom:pass%20word@h/live/s", "tom", "pass word", 1935)]
    [InlineData("rtmp://tom:a%3Ab%40c@h:1936/live/s", "tom", "a:b@c", 1936)]
    [InlineData("rtmps://tom@h/live/s", "tom", "", 443)]
    [InlineData("rtmp://h/live/s", "", "", 1935)]
    public void Who_we_are_stands_before_the_host_and_is_never_shown(string text, string user, string password, int port)
    {
        var url = RtmpUrl.Parse(text);
        Assert.Equal((user, password, "h", port), (url.User, url.Password, url.Host, url.Port));
        Assert.DoesNotContain('@', url.TcUrl);
        Assert.DoesNotContain('@', url.ToString());
    }

    [Fact]
    public void The_secret_is_never_shown()
    {
        var url = RtmpUrl.Parse("rtmp://h/live?token=t0p/s3cr3t?key=k3y");
        Assert.Equal("rtmp://h/live/***", url.ToString());
        Assert.DoesNotContain("s3cr3t", url.Redact("stream s3cr3t is taken"), StringComparison.Ordinal);
    }
}
