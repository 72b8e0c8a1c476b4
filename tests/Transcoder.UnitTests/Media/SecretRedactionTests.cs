using Transcoder.Media;
using Xunit;

namespace Transcoder.UnitTests.Media;

public sealed class SecretRedactionTests
{
    [Theory]
    [InlineData("rtmp://host/live/cam?key=abc123", "rtmp://host/live/cam?key=***")]
    [InlineData("cam?key=abc123&x=1", "cam?key=***&x=1")]
    [InlineData("key=abc", "key=***")]
    [InlineData("rtmp://user:pa@ss@host:1935/app", "rtmp://***@host:1935/app")]
    [InlineData("rtmp://user@host/app", "rtmp://***@host/app")]
    [InlineData("rtmp://h/a/s?wsSecret=1&wsTime=2", "rtmp://h/a/s?wsSecret=***&wsTime=2")]
    [InlineData("rtmp://h/a/s?txSecret=1&stream_key=2&X-Amz-Signature=3", "rtmp://h/a/s?txSecret=***&stream_key=***&X-Amz-Signature=***")]
    [InlineData("http://h/a?TOKEN=1#part", "http://h/a?TOKEN=***#part")]
    [InlineData("refused \"rtmp://h/a?auth=1;2\" at once", "refused \"rtmp://h/a?auth=***\" at once")]
    public void Secrets_are_hidden_and_the_rest_stays(string text, string expected) => Assert.Equal(expected, SecretRedaction.Redact(text));

    [Theory]
    [InlineData("")]
    [InlineData("rtmp://host/live/cam")]
    [InlineData("rtmp://host/live/cam?bandwidth=2&vhost=a.b")]
    [InlineData("keyframes=2 monkey business")]
    [InlineData("mail@example.com")]
    public void Text_without_secrets_is_unchanged(string text) => Assert.Equal(text, SecretRedaction.Redact(text));
}
