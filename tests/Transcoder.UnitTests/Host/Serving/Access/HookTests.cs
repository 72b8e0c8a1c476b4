using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Transcoder.Testing.Http;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Access;

public sealed class HookTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly HttpAddress Address = HttpAddress.TryParse("http://user:p4ssw0rd@h/on?token=t0k3n")!;
    private static readonly AccessRequest Request = new("live", "cam1", "k", "1.2.3.4:5") { Query = "key=k&x=1", Id = "id1" };

    private readonly FakeTimeProvider _clock = new();
    private readonly FakeHttp _http = new();
    private readonly CollectingLogger<HookTests> _lines = new();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData(HttpStatusCode.OK, "", null, "")]
    [InlineData(HttpStatusCode.NoContent, "", null, "")]
    [InlineData(HttpStatusCode.OK, "{\"allow\":true}", null, "")]
    [InlineData(HttpStatusCode.OK, "{\"unrelated\":1}", null, "")]
    [InlineData(HttpStatusCode.OK, "{ damaged", null, "")]
    [InlineData(HttpStatusCode.OK, "{\"allow\":false,\"reason\":\"not today\"}", Reasons.HookRefused, "hook: not today")]
    [InlineData(HttpStatusCode.OK, "{\"allow\":false}", Reasons.HookRefused, "hook: refused")]
    [InlineData(HttpStatusCode.Forbidden, "", Reasons.HookRefused, "hook: it answered 403")]
    [InlineData(HttpStatusCode.Unauthorized, "{\"reason\":\"bad\\nkey=abc\"}", Reasons.HookRefused, "hook: bad key=***")]
    [InlineData(HttpStatusCode.Found, "", Reasons.HookFailed, "hook: it could not be asked, and on_failure is deny: it answered 302")]
    [InlineData(HttpStatusCode.BadGateway, "", Reasons.HookFailed, "hook: it could not be asked, and on_failure is deny: it answered 502")]
    public async Task The_answer_decides_and_is_repeated_in_the_reason(HttpStatusCode status, string body, string? code, string detail)
    {
        _http.Answer = (_, _) => FakeHttp.Say(status, body);
        using var caller = Caller(retries: 0);
        var refusal = await new HookRule(caller, Address).JudgeAsync(Request, default);
        Assert.Equal((code, code is null ? null : detail), (refusal?.Code, refusal?.Detail));
    }

    [Fact]
    public async Task It_is_told_who_wants_what_and_can_check_that_we_are_the_one_who_tells()
    {
        using var caller = Caller(secret: "hook-secret");
        Assert.Null(await new HookRule(caller, Address).JudgeAsync(Request with { Action = AccessAction.Play }, default));
        var (address, body, signature) = Assert.Single(_http.Requests);
        Assert.Equal(Address.Value, address);
        var json = JsonDocument.Parse(body).RootElement;
        Assert.Equal(
            ["play", "id1", "live", "cam1", "1.2.3.4:5", "key=k&x=1"],
            ((string[])["event", "id", "app", "stream", "address", "parameters"]).Select(name => json.GetProperty(name).GetString()));
        Assert.Equal(Convert.ToHexStringLower(new Secret("hook-secret").Sign(body)), signature);
    }

    [Fact]
    public async Task One_without_an_answer_is_asked_again_and_then_the_policy_decides()
    {
        _http.Answer = (number, _) => FakeHttp.Say(number == 1 ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.OK);
        using var caller = Caller(retries: 1);
        Assert.Null(await InTimeAsync(new HookRule(caller, Address).JudgeAsync(Request, default).AsTask()));
        Assert.Equal(2, _http.Requests.Count);

        _http.Answer = (_, _) => throw new HttpRequestException("connection refused");
        Assert.Equal(Reasons.HookFailed, (await InTimeAsync(new HookRule(caller, Address).JudgeAsync(Request, default).AsTask()))?.Code);
        using var lenient = Caller(failure: HookFailure.Allow);
        Assert.Null(await InTimeAsync(new HookRule(lenient, Address).JudgeAsync(Request, default).AsTask()));

        // One line for each application, however many calls fail.
        Assert.Null(await InTimeAsync(new HookRule(lenient, Address).JudgeAsync(Request, default).AsTask()));
        Assert.Equal(2, _lines.Lines.Count);
        Assert.All(_lines.Lines, line => Assert.Equal("hook for publish live/cam1 at http://***@h/on?token=*** failed: connection refused; the next failures within ten seconds are only counted", line));
    }

    [Fact]
    public async Task One_that_hangs_holds_nobody_longer_than_its_deadline_and_a_client_that_leaves_not_at_all()
    {
        _http.Answer = (_, cancellation) => FakeHttp.NeverAsync(cancellation);
        using var caller = Caller(retries: 0);
        var asking = new HookRule(caller, Address).JudgeAsync(Request, default).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(asking.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Contains("no answer in 2 s", (await asking.WaitAsync(Patience))?.Detail, StringComparison.Ordinal);

        using var leaving = new CancellationTokenSource();
        var abandoned = new HookRule(caller, Address).JudgeAsync(Request, leaving.Token).AsTask();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned.WaitAsync(Patience));
    }

    [Fact]
    public async Task So_many_are_asked_at_once_so_many_wait_and_the_next_is_a_failure_at_once()
    {
        var held = new TaskCompletionSource();
        _http.Answer = async (_, _) =>
        {
            await held.Task;
            return await FakeHttp.Say(HttpStatusCode.OK);
        };
        using var caller = Caller(concurrency: 2, queue: 3);
        var rule = new HookRule(caller, Address);
        var asking = Enumerable.Range(0, 5).Select(_ => rule.JudgeAsync(Request, default).AsTask()).ToList();
        var sixth = await rule.JudgeAsync(Request, default).AsTask().WaitAsync(Patience);
        Assert.Equal(Reasons.HookFailed, sixth?.Code);
        Assert.Contains("more than 3 calls wait", sixth?.Detail, StringComparison.Ordinal);
        Assert.Equal(2, _http.Requests.Count);
        held.SetResult();
        Assert.All(await Task.WhenAll(asking).WaitAsync(Patience), Assert.Null);
        Assert.Contains(caller.Calls, call => call is { Key: ("publish", HookResult.Overflow), Value: 1 });
    }

    [Fact]
    public async Task Who_waits_behind_hanging_calls_is_answered_in_time_too()
    {
        _http.Answer = (_, cancellation) => FakeHttp.NeverAsync(cancellation);
        using var caller = Caller(retries: 0, concurrency: 1);
        var rule = new HookRule(caller, Address);
        var asking = Enumerable.Range(0, 4).Select(_ => rule.JudgeAsync(Request, default).AsTask()).ToList();
        var refusals = await InTimeAsync(Task.WhenAll(asking));
        Assert.All(refusals, refusal => Assert.Equal(Reasons.HookFailed, refusal?.Code));
        Assert.Contains(refusals, refusal => refusal!.Value.Detail.Contains("too many calls", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("http://user:p4ss%3Aword@h/on?token=t0k3n", "http://***@h/on?token=***", "Basic dXNlcjpwNHNzOndvcmQ=")]
    [InlineData("https://h:8443/services/T0/B1/s3cr3t?room=1&x=2#part", "https://h:8443/services/***?room=***&x=***", null)]
    [InlineData("http://h/", "http://h/", null)]
    public async Task An_address_with_a_password_is_asked_with_it_and_shown_without(string address, string shown, string? authorization)
    {
        using var caller = Caller();
        var parsed = HttpAddress.TryParse(address)!;
        Assert.Null(await new HookRule(caller, parsed).JudgeAsync(Request, default));
        Assert.Equal((shown, authorization), (parsed.ToString(), Assert.Single(_http.Authorizations)));
    }

    [Fact]
    public async Task Publishers_do_not_wait_behind_players()
    {
        _http.Answer = (_, cancellation) => _http.Requests.Last().Body.Contains("\"play\"", StringComparison.Ordinal) ? FakeHttp.NeverAsync(cancellation) : FakeHttp.Say(HttpStatusCode.OK);
        using var caller = Caller(concurrency: 1, queue: 1);
        var rule = new HookRule(caller, Address);
        using var leaving = new CancellationTokenSource();
        var players = Enumerable.Range(0, 3).Select(_ => rule.JudgeAsync(Request with { Action = AccessAction.Play }, leaving.Token).AsTask()).ToList();
        Assert.Null(await rule.JudgeAsync(Request, default).AsTask().WaitAsync(Patience));
        await leaving.CancelAsync();
        await Task.WhenAll(players).WaitAsync(Patience).ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task An_answer_in_a_charset_that_does_not_exist_is_read_all_the_same()
    {
        _http.Answer = (_, _) =>
        {
            var content = new ByteArrayContent([.. "{\"allow\":false,\"reason\":\"not today\"}"u8]);
            content.Headers.TryAddWithoutValidation("Content-Type", "application/json; charset=none-such");
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = content });
        };
        using var caller = Caller();
        Assert.Equal("hook: not today", (await new HookRule(caller, Address).JudgeAsync(Request, default))?.Detail);
    }

    [Fact]
    public async Task Who_asks_does_not_wait_behind_ends_that_a_hanging_hook_is_told()
    {
        var hangs = HttpAddress.TryParse("http://h/ended")!;
        var told = new TaskCompletionSource();
        _http.Answer = (_, cancellation) =>
        {
            var ended = _http.Requests.Last().Address == hangs.Value;
            told.TrySetResult();
            return ended ? FakeHttp.NeverAsync(cancellation) : FakeHttp.Say(HttpStatusCode.OK);
        };
        using var caller = Caller(retries: 0, concurrency: 1);
        var notifier = new HookNotifier(caller);
        notifier.Tell(hangs, HookEvent.End(Request, default, TimeSpan.Zero));
        await told.Task.WaitAsync(Patience);
        Assert.Null(await new HookRule(caller, Address).JudgeAsync(Request, default).AsTask().WaitAsync(Patience));
        await InTimeAsync(Ended(notifier.DrainAsync(CancellationToken.None)));

        static async Task<bool> Ended(Task task)
        {
            await task;
            return true;
        }
    }

    [Fact]
    public async Task A_player_whose_end_a_hook_is_told_reads_no_other_way_than_the_rest()
    {
        using var pool = new TrackingBufferPool();
        var feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Throughput }, _clock);
        using IPacketSource watched = new WatchedSource(feed.Subscribe(), static _ => { });
        var receiver = new Receiver();
        watched.DeliverTo(receiver);
        feed.Publish(pool.Video(0, keyframe: true));
        Assert.Single(watched.Tracks);
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        Assert.True(watched.TryRead(out var first));
        first.Release();
        var over = watched.WaitToReadAsync(default).AsTask();
        feed.Publish(pool.Video(40));
        _clock.Advance(TimeSpan.FromMilliseconds(300));
        feed.Tick();
        Assert.Equal([40], receiver.Times);
        feed.Complete(new Reason(Reasons.SourceEnded, ""));
        Assert.False(await over.WaitAsync(Patience));
    }

    [Fact]
    public async Task Ends_are_told_once_in_the_background_and_a_full_queue_loses_some_and_counts_them()
    {
        var held = new TaskCompletionSource();
        _http.Answer = async (_, _) =>
        {
            await held.Task;
            return await FakeHttp.Say(HttpStatusCode.OK);
        };
        using var caller = Caller(concurrency: 1, queue: 2);
        var notifier = new HookNotifier(caller);
        var sink = new WatchedSink(new FakePacketSink(), reason => notifier.Tell(Address, HookEvent.End(Request, reason, TimeSpan.FromSeconds(1.5))));
        sink.Complete(new Reason(Reasons.Unpublished, "over"));
        sink.Complete(new Reason(Reasons.IdleTimeout, "again"));
        for (var i = 0; i < 10; i++)
        {
            notifier.Tell(Address, HookEvent.End(Request, default, TimeSpan.Zero));
        }

        held.SetResult();
        await notifier.DrainAsync(CancellationToken.None).WaitAsync(Patience);
        Assert.True(_http.Requests.TryPeek(out var first));
        var json = JsonDocument.Parse(first.Body).RootElement;
        Assert.Equal(("unpublish", "id1", "unpublished", 1.5), (json.GetProperty("event").GetString(), json.GetProperty("id").GetString(), json.GetProperty("reason").GetProperty("code").GetString(), json.GetProperty("seconds").GetDouble()));
        Assert.False(json.TryGetProperty("parameters", out _));
        var lost = caller.Calls.Single(call => call.Key == ("unpublish", HookResult.Overflow)).Value;
        Assert.Equal(11, lost + _http.Requests.Count);
        Assert.InRange(_http.Requests.Count, 2, 3);
    }

    private async Task<T> InTimeAsync<T>(Task<T> task)
    {
        while (!task.IsCompleted)
        {
            _clock.Advance(TimeSpan.FromMilliseconds(20));
            await Task.Yield();
        }

        return await task;
    }

    private HookCaller Caller(int retries = 1, HookFailure failure = HookFailure.Deny, int concurrency = 4, int queue = 10, string? secret = null) => new(
        "live",
        new HookOptions(Address, Address, Address, Address, secret is null ? null : new Secret(secret), TimeSpan.FromSeconds(2), retries, failure, concurrency, queue),
        new HttpClient(_http, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan },
        _clock,
        _lines);

    private sealed class Receiver : IRunReceiver
    {
        public List<long> Times { get; } = [];

        public bool TryTake(PacketRun run)
        {
            Times.AddRange(run.Packets.Select(packet => packet.Dts.Milliseconds));
            return true;
        }
    }
}
