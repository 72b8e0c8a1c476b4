using System.Security.Cryptography;
using System.Text;
using Transcoder.Rtmp.Clients;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>Who may publish and play, on the real wire.</summary>
public sealed class AccessTests
{
    private const string SigningSecret = "signing-s3cr3t";
    private const string TokenSecret = "token-s3cr3t-0123456789abcdefghij";

    [Fact]
    public async Task Signed_addresses_and_tokens_open_what_they_name_while_they_last_and_none_is_shown()
    {
        await using var appliance = await RunningAppliance.StartAsync(
            "apps:\n  live:\n    reconnect_grace: 0s\n" +
            $"    publish: {{ keys: [key-s3cr3t-1], signed: {{ secrets: [{SigningSecret}], clock_skew: 0s }}, jwt: {{ secrets: [{TokenSecret}], clock_skew: 0s }} }}\n" +
            $"    play: {{ signed: {{ secrets: [{SigningSecret}] }} }}\n");
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        await RefusedAsync("live/cam?key=key-s3cr3t-2", "bad_key");
        await RefusedAsync("live/cam", "unauthorized");
        await RefusedAsync($"live/cam?{Signed("publish", "live/cam", now - 5)}", "credential_expired");
        await RefusedAsync($"live/cam?{Signed("publish", "live/cam", now + 60).Replace("expires=1", "expires=2", StringComparison.Ordinal)}", "bad_signature");
        await RefusedAsync($"live/cam?{Signed("publish", "live/other", now + 60)}", "bad_signature");
        await RefusedAsync($"live/cam?token={Token("cam", now - 5)}", "credential_expired");
        await RefusedAsync($"live/cam?token={Token("other", now + 60)}", "bad_token");
        await RefusedAsync($"live/cam?token={Token("cam", now + 60)}x", "bad_token");

        await AcceptedAsync("live/cam?key=key-s3cr3t-1");
        await AcceptedAsync($"live/cam?{Signed("publish", "live/cam", now + 60)}");
        await AcceptedAsync($"live/cam?token={Token("cam", now + 60)}");

        // As an operator makes one, and as FFmpeg uses it.
        var secret = Path.GetTempFileName();
        await File.WriteAllTextAsync(secret, SigningSecret);
        var address = (await ChildProcess.RunAsync(RunningAppliance.Program, "url", "sign", appliance.Url("live/cam"), "--secret-file", secret)).Trim();
        var view = (await ChildProcess.RunAsync(RunningAppliance.Program, "url", "sign", appliance.Url("live/cam"), "--for", "play", "--secret-file", secret)).Trim();
        File.Delete(secret);
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), address);
        await using var player = await Recording.StartAsync(view);
        await player.MoreVideoAsync(30);
        var refusal = await Assert.ThrowsAsync<RtmpException>(() => PlayAsync(appliance.Url("live/cam")));
        Assert.Contains("signed address", refusal.Reason.Detail, StringComparison.Ordinal);

        foreach (var shown in (string[])[string.Join('\n', appliance.Log), await appliance.GetTextAsync("metrics"), await appliance.GetTextAsync("api/v1/streams")])
        {
            Assert.DoesNotContain("s3cr3t", shown, StringComparison.Ordinal);
            Assert.DoesNotContain("eyJ", shown, StringComparison.Ordinal);
            Assert.DoesNotContain(address[^64..], shown, StringComparison.Ordinal);
        }

        async Task RefusedAsync(string path, string reason)
        {
            var before = await appliance.MetricAsync("transcoder_rtmp_closes_total", $"\"{reason}\"");
            await Assert.ThrowsAsync<RtmpException>(() => ScriptedPublisher.ConnectAsync(appliance.Url(path)));
            await Polling.UntilAsync(async () => await appliance.MetricAsync("transcoder_rtmp_closes_total", $"\"{reason}\"") == before + 1, $"one more refusal with {reason}", () => string.Join('\n', appliance.Log.TakeLast(3)));
        }

        async Task AcceptedAsync(string path)
        {
            await using var admitted = await ScriptedPublisher.ConnectAsync(appliance.Url(path));
            await admitted.EndAsync();
            await Polling.UntilAsync(async () => await appliance.FindAsync("live", "cam") is null, "the stream's end");
        }
    }

    [Theory]
    [InlineData("deny")]
    [InlineData("allow")]
    public async Task A_hook_is_asked_and_told_and_where_it_hangs_the_policy_decides_and_nobody_else_waits(string policy)
    {
        await using var hooks = await HookServer.StartAsync();
        await using var appliance = await RunningAppliance.StartAsync(
            "apps:\n  live:\n    reconnect_grace: 0s\n" +
            $"    hooks: {{ on_publish: \"{hooks.Url}/p?token=hook-s3cr3t\", on_play: \"{hooks.Url}/q\", on_unpublish: \"{hooks.Url}/u\", on_stop: \"{hooks.Url}/s\", timeout: 2s, retries: 0, on_failure: {policy}, concurrency: 4 }}\n");
        var refusal = await Assert.ThrowsAsync<RtmpException>(() => ScriptedPublisher.ConnectAsync(appliance.Url("live/banned")));
        Assert.Contains("not before Tuesday", refusal.Reason.Detail, StringComparison.Ordinal);
        await appliance.LogLineAsync("refused to publish live/banned", "hook_refused");

        var hanging = ScriptedPublisher.ConnectAsync(appliance.Url("live/hanging"));
        await using (var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/good?x=1")))
        {
            await using var player = await Recording.StartAsync(appliance.Url("live/good"));
            await player.MoreVideoAsync(15);
            await publisher.StopAsync();
            await player.EndAsync();
        }

        if (policy == "allow")
        {
            await (await hanging).EndAsync();
        }
        else
        {
            Assert.Contains("on_failure is deny", (await Assert.ThrowsAsync<RtmpException>(() => hanging)).Reason.Detail, StringComparison.Ordinal);
            await appliance.LogLineAsync("refused to publish live/hanging", "hook_failed", "no answer in 2 s");
        }

        await Polling.UntilAsync(() => hooks.Of("unpublish", "good").Any() && hooks.Of("stop", "good").Any(), "the ends");
        var (began, ended) = (Assert.Single(hooks.Of("publish", "good")), Assert.Single(hooks.Of("unpublish", "good")));
        Assert.Equal("x=1", began.GetProperty("parameters").GetString());
        Assert.Equal(began.GetProperty("id").GetString(), ended.GetProperty("id").GetString());
        Assert.Equal("unpublished", ended.GetProperty("reason").GetProperty("code").GetString());
        Assert.Equal(1, await appliance.MetricAsync("transcoder_hook_calls_total", "publish", "failed"));
        Assert.Empty(appliance.LogLines("s3cr3t"));
    }

    private static async Task PlayAsync(string url)
    {
        var client = new RtmpClient(Rtmp.RtmpOptions.Default, new Media.Buffers.MediaBufferPool(), new Rtmp.RtmpStatistics(), TimeProvider.System);
        await using var player = await client.PlayAsync(RtmpUrl.Parse(url), CancellationToken.None);
    }

    private static string Signed(string action, string path, long expires) =>
        $"expires={expires}&signature={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(SigningSecret), Encoding.UTF8.GetBytes($"{action}\n{path}\n{expires}")))}";

    private static string Token(string stream, long expires)
    {
        var text = $"{Base64("{\"alg\":\"HS256\"}"u8)}.{Base64(Encoding.UTF8.GetBytes($"{{\"exp\":{expires},\"app\":\"live\",\"stream\":\"{stream}\",\"action\":\"publish\"}}"))}";
        return $"{text}.{Base64(HMACSHA256.HashData(Encoding.UTF8.GetBytes(TokenSecret), Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Base64(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
