using System.Collections.Concurrent;
using Transcoder.Media;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Amf;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Clients;

public sealed class RtmpLoginTests : IDisposable
{
    private const string Nonce = "0a1b2c3d";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly RtmpUrl Tom = RtmpUrl.Parse("rtmp://tom:pass%20word%401@h/app/s3cr3tname");

    private readonly TrackingBufferPool _pool = new();
    private readonly List<ScriptedServer> _servers = [];
    private readonly ConcurrentQueue<(string Target, string App, string TcUrl)> _connects = new();

    public void Dispose()
    {
        _servers.ForEach(server => server.Dispose());
        _pool.Dispose();
    }

    // The digests are from an implementation that is not ours (Python's hashlib).
    [Theory]
    [InlineData("app", "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ", "", "?authmod=adobe&user=tom")]
    [InlineData(
        "app",
        "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=tom&salt=fXsd&challenge=qRPm==&opaque=aGVq==",
        "?authmod=adobe&user=tom",
        "?authmod=adobe&user=tom&challenge=0a1b2c3d&response=v5sa5Gr+kqokzm8Lr2zdpQ==&opaque=aGVq==")]
    [InlineData(
        "app",
        "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=tom&salt=fXsd&challenge=qRPm==",
        "?authmod=adobe&user=tom",
        "?authmod=adobe&user=tom&challenge=0a1b2c3d&response=4mIaF9AXP9v887KLp4lFhQ==")]
    [InlineData(
        "app",
        "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=needauth&user=tom&nonce=N0nce",
        "?authmod=llnw&user=tom",
        "?authmod=llnw&user=tom&nonce=N0nce&cnonce=0a1b2c3d&nc=00000001&response=95123f01a34a12181f3a1480d6671862")]
    [InlineData(
        "app/inst",
        "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=needauth&user=tom&nonce=N0nce",
        "?authmod=llnw&user=tom",
        "?authmod=llnw&user=tom&nonce=N0nce&cnonce=0a1b2c3d&nc=00000001&response=6411d6708f1dfcdcfe61d64d2aaea329")]
    public void Each_demand_has_its_answer(string app, string words, string sent, string expected)
    {
        var url = RtmpUrl.Parse($"rtmp://tom:pass%20word%401@h/{app}/s");
        Assert.True(RtmpLogin.TryAnswer(url, words, sent, Nonce, out var query, out var problem), problem);
        Assert.Equal(expected, query);
    }

    [Theory]
    [InlineData("rtmp://h/app/s", "[ code=403 need auth; authmod=adobe ]", "", "rtmp://user:password@host/app/stream")]
    [InlineData("rtmp://tom:x@h/app/s", "[ authmod=adobe ] : ?reason=authfailed", "?authmod=adobe&user=tom&response=r", "does not take the user or the password")]
    [InlineData("rtmp://tom:x@h/app/s", "[ authmod=adobe ] : ?reason=nosuchuser", "?authmod=adobe&user=tom", "does not take the user or the password")]
    [InlineData("rtmp://tom:x@h/app/s", "[ authmod=adobe ] : ?reason=needauth&salt=a", "?authmod=adobe&user=tom&response=r", "again and again")]
    [InlineData("rtmp://tom:x@h/app/s", "[ code=403 need auth; authmod=adobe ]", "?authmod=adobe&user=tom", "again and again")]
    [InlineData("rtmp://tom:x@h/app/s", "[ code=403 need auth; authmod=kerberos ]", "", "'kerberos'")]
    public void What_has_no_answer_has_a_reason(string url, string words, string sent, string problem)
    {
        Assert.False(RtmpLogin.TryAnswer(RtmpUrl.Parse(url), words, sent, Nonce, out _, out var said));
        Assert.Contains(problem, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_publisher_logs_in_where_it_is_asked_to()
    {
        var client = Client(app => app switch
        {
            "app" => Words("[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : "),
            "app?authmod=adobe&user=tom" => Words("[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=tom&salt=fXsd&challenge=qRPm==&opaque=aGVq=="),
            _ => null,
        });
        await using var publisher = await client.PublishAsync(Tom, CancellationToken.None).WaitAsync(Patience);
        var connects = _connects.ToArray();
        Assert.Equal(3, connects.Length);
        Assert.StartsWith("app?authmod=adobe&user=tom&challenge=", connects[2].App, StringComparison.Ordinal);
        Assert.Equal($"rtmp://h/{connects[2].App}", connects[2].TcUrl);
        Assert.DoesNotContain("pass", string.Concat(connects), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_is_told_and_not_shown()
    {
        var client = Client(static app => app.Contains("response", StringComparison.Ordinal)
            ? Words("[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed&opaque=x")
            : Words("[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=tom&salt=pass word@1&challenge=c"));
        var refused = await Assert.ThrowsAsync<RtmpException>(() => client.PublishAsync(Tom, CancellationToken.None).WaitAsync(Patience));
        Assert.Equal(Reasons.TargetRefused, refused.Reason.Code);
        Assert.Contains("does not take the user or the password", refused.Reason.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("pass word", refused.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("tom", refused.Reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_followed_with_the_stream_and_without_the_login()
    {
        var client = Client(app => app == "app" ? Redirect("rtmp://other:1936/there") : null);
        await using var publisher = await client.PublishAsync(Tom, CancellationToken.None).WaitAsync(Patience);
        Assert.Equal([("rtmp://h/app/***", "app", "rtmp://h/app"), ("rtmp://other:1936/there/***", "there", "rtmp://other:1936/there")], _connects.ToArray());
        Assert.Equal(("", ""), (Tom.Resolve("rtmp://other:1936/there").User, Tom.Resolve("rtmp://other:1936/there").Password));
        Assert.Equal("tom", Tom.Resolve("/elsewhere").User);
    }

    [Fact]
    public async Task A_circle_of_redirects_ends()
    {
        var client = Client(static app => Redirect(app == "app" ? "rtmp://h/b" : "rtmp://h/app"));
        var refused = await Assert.ThrowsAsync<RtmpException>(() => client.PublishAsync(Tom, CancellationToken.None).WaitAsync(Patience));
        Assert.Equal(Reasons.TargetRefused, refused.Reason.Code);
        Assert.Equal(6, _connects.Count);
    }

    [Theory]
    [InlineData("http://other/app")]
    [InlineData("")]
    [InlineData("rtmp://h/app")]
    public async Task A_redirect_to_nowhere_is_a_refusal(string to)
    {
        var client = Client(_ => Redirect(to));
        await Assert.ThrowsAsync<RtmpException>(() => client.PublishAsync(Tom, CancellationToken.None).WaitAsync(Patience));
        Assert.Single(_connects);
    }

    private static Action<Amf0Writer> Words(string description) => amf =>
        amf.BeginObject().Property("level", "error").Property("code", "NetConnection.Connect.Rejected").Property("description", description).End();

    private static Action<Amf0Writer> Redirect(string tcUrl) => amf =>
        amf.BeginObject().Property("level", "error").Property("code", "NetConnection.Connect.Rejected").Property("description", "RTMP 302 Redirect")
            .Name("ex").BeginObject().Property("code", 302).Property("redirect", tcUrl).Property("redirect2", tcUrl + "/s").End().End();

    /// <param name="refuse">What the server says to a connect for this application; null: yes.</param>
    private RtmpClient Client(Func<string, Action<Amf0Writer>?> refuse) =>
        new(RtmpOptions.Default, _pool, new RtmpStatistics(), TimeProvider.System, (url, unused) =>
        {
            var connection = new MemoryConnection();
            var server = new ScriptedServer(connection.Transport, _pool);
            _servers.Add(server);
            _ = server.AcceptPublisherAsync("", (app, tcUrl) =>
            {
                _connects.Enqueue((url.ToString(), app, tcUrl));
                return refuse(app);
            });
            return new(new PipeStream(connection.Client));
        });
}
