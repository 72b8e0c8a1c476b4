using System.Diagnostics;
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
    [InlineData("rtmp://h/a/s?expires=1700000000&signature=0a1b2c", "rtmp://h/a/s?expires=1700000000&signature=***")]
    [InlineData("s?token=eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln&x=1", "s?token=***&x=1")]
    [InlineData("jwt=eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "jwt=***")]
    [InlineData("the token eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln-_x is bad", "the token *** is bad")]
    [InlineData("live/eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ", "live/***")]
    [InlineData("Authorization: Bearer abc.def", "Authorization: Bearer ***")]
    [InlineData("Authorization: Bearer eyJabc", "Authorization: Bearer ***")]
    [InlineData("http://hook:pass@127.0.0.1:9000/on?apikey=1", "http://***@127.0.0.1:9000/on?apikey=***")]
    [InlineData("https://h/jwks.json?access_token=1", "https://h/jwks.json?access_token=***")]
    [InlineData("refused \"rtmp://h/a?auth=1;2\" at once", "refused \"rtmp://h/a?auth=***\" at once")]
    public void Secrets_are_hidden_and_the_rest_stays(string text, string expected) => Assert.Equal(expected, SecretRedaction.Redact(text));

    [Theory]
    [InlineData("")]
    [InlineData("rtmp://host/live/cam")]
    [InlineData("rtmp://host/live/cam?bandwidth=2&vhost=a.b")]
    [InlineData("keyframes=2 monkey business")]
    [InlineData("mail@example.com")]
    [InlineData("eyJoke and eyJoker")]
    public void Text_without_secrets_is_unchanged(string text) => Assert.Equal(text, SecretRedaction.Redact(text));

    [Theory]
    [InlineData("a.", "=")]
    [InlineData("-eyJ", "")]
    [InlineData("eyJ-", "")]
    [InlineData("x://", "@")]
    [InlineData("a://b@", "=")]
    [InlineData("key", "?=")]
    [InlineData("?key", "=")]
    [InlineData("bearer ", "")]
    public void A_long_text_made_to_be_slow_is_not(string part, string end)
    {
        var text = string.Concat(Enumerable.Repeat(part, (64 << 10) / part.Length)) + end;
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var started = Stopwatch.GetTimestamp();
            SecretRedaction.Redact(text);
            var took = Stopwatch.GetElapsedTime(started);
            fastest = took < fastest ? took : fastest;
        }

        // A few milliseconds; time that grows with the square of the length is seconds.
        Assert.True(fastest < TimeSpan.FromMilliseconds(200), $"{fastest.TotalMilliseconds} ms");
    }
}
