using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Serving.Access;

/// <summary>What came of a call.</summary>
internal enum HookResult
{
    Allowed,
    Refused,

    /// <summary>No attempt got an answer that can be used.</summary>
    Failed,

    /// <summary>Too many calls waited.</summary>
    Overflow,
}

/// <summary>Calls the hooks of one application: so many publishers and as many players ask at once, so many wait, and each attempt has its deadline.</summary>
internal sealed partial class HookCaller(string app, HookOptions options, HttpClient http, TimeProvider clock, ILogger log) : IDisposable
{
    private const int LongestAnswer = 16 << 10;
    private const int LongestReason = 200;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);

    // Players come in crowds: publishers do not queue behind them.
    private readonly Lane _publishers = new(options.Concurrency);
    private readonly Lane _players = new(options.Concurrency);
    private readonly ConcurrentDictionary<(string Event, HookResult Result), long> _calls = new();
    private long _lineAt = long.MinValue;

    public string App => app;

    public HookOptions Options => options;

    public IEnumerable<KeyValuePair<(string Event, HookResult Result), long>> Calls => _calls;

    /// <summary>How long a client may wait for an answer, in the queue and out of it.</summary>
    public static TimeSpan Patience(HookOptions options) => options.Timeout * (options.Retries + 2);

    /// <summary>For a client that waits: the time in the queue counts as well, so that its encoder gets an answer in any case.</summary>
    /// <returns>What the hook said, with its own words for a refusal and ours for a failure.</returns>
    public async Task<(HookResult Result, string Words)> AskAsync(HttpAddress address, HookEvent what, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience(options), clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return Noted(address, what, await EnterAsync(address, what, both.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            const string Words = "too many calls are before this one";
            Count(what.Event, HookResult.Failed);
            Tell(what, address, Words);
            return (HookResult.Failed, Words);
        }
    }

    /// <summary>For an end, of which nobody waits to hear: it takes no place from those who ask. Who tells of ends bounds how many are told at once.</summary>
    public async Task TellAsync(HttpAddress address, HookEvent what) =>
        Noted(address, what, await TryAsync(address, what, CancellationToken.None).ConfigureAwait(false));

    private (HookResult Result, string Words) Noted(HttpAddress address, HookEvent what, (HookResult Result, string Words) answer)
    {
        Count(what.Event, answer.Result);
        if (answer.Result is HookResult.Failed or HookResult.Overflow)
        {
            Tell(what, address, answer.Words);
        }

        return answer;
    }

    public void Count(string what, HookResult result) => _calls.AddOrUpdate((what, result), 1, static (_, count) => count + 1);

    /// <summary>A line now and then: a dead hook's server is one fact, not one for each client.</summary>
    public void Tell(HookEvent what, HttpAddress address, string problem)
    {
        var last = Interlocked.Read(ref _lineAt);
        if ((last == long.MinValue || clock.GetElapsedTime(last) >= BetweenLines) && Interlocked.CompareExchange(ref _lineAt, clock.GetTimestamp(), last) == last)
        {
            LogFailed(what, address, problem);
        }
    }

    public void Dispose()
    {
        _publishers.Free.Dispose();
        _players.Free.Dispose();
    }

    private async Task<(HookResult Result, string Words)> EnterAsync(HttpAddress address, HookEvent what, CancellationToken cancellationToken)
    {
        var lane = what.Event == SignedAddress.Word(AccessAction.Publish) ? _publishers : _players;
        try
        {
            if (Interlocked.Increment(ref lane.Inside) > options.Concurrency + options.Queue)
            {
                return (HookResult.Overflow, $"more than {options.Queue} calls wait");
            }

            await lane.Free.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                return await TryAsync(address, what, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                lane.Free.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref lane.Inside);
        }
    }

    private async Task<(HookResult Result, string Words)> TryAsync(HttpAddress address, HookEvent what, CancellationToken cancellationToken)
    {
        var body = what.ToJson();
        var wait = FirstWait;
        for (var attempt = 0; ; attempt++)
        {
            var answer = await PostAsync(address, body, cancellationToken).ConfigureAwait(false);
            if (answer.Result != HookResult.Failed || attempt == options.Retries)
            {
                return answer;
            }

            await Task.Delay(wait, clock, cancellationToken).ConfigureAwait(false);
            wait *= 2;
        }
    }

    private async Task<(HookResult Result, string Words)> PostAsync(HttpAddress address, string body, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(options.Timeout, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Post, address.Value) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = address.Authorization;
        if (options.Secret is { } secret)
        {
            request.Headers.Add("X-Transcoder-Signature", Convert.ToHexStringLower(secret.Sign(body)));
        }

        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token).ConfigureAwait(false);
            await response.Content.LoadIntoBufferAsync(LongestAnswer, both.Token).ConfigureAwait(false);

            // JSON is UTF-8 (RFC 8259 §8.1), whatever charset the answer claims; one that does not exist would be an exception.
            return Read(response.StatusCode, Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(both.Token).ConfigureAwait(false)));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (HookResult.Failed, $"no answer in {options.Timeout.TotalSeconds:0.#} s");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (HookResult.Failed, e.Message);
        }
    }

    /// <summary>2xx allows, unless a JSON answer says <c>"allow": false</c>; 4xx refuses. Redirects, 408, 429 and 5xx are no answers.</summary>
    private static (HookResult Result, string Words) Read(HttpStatusCode status, string text)
    {
        var (allow, reason) = ReadBody(text);
        return (int)status switch
        {
            408 or 429 => (HookResult.Failed, $"it answered {(int)status}"),
            >= 200 and < 300 => allow ? (HookResult.Allowed, string.Empty) : (HookResult.Refused, reason),
            >= 400 and < 500 => (HookResult.Refused, reason.Length > 0 ? reason : $"it answered {(int)status}"),
            _ => (HookResult.Failed, $"it answered {(int)status}"),
        };
    }

    private static (bool Allow, string Reason) ReadBody(string text)
    {
        if (!text.AsSpan().TrimStart().StartsWith("{"))
        {
            return (true, string.Empty);
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            var allow = !json.RootElement.TryGetProperty("allow", out var said) || said.ValueKind != JsonValueKind.False;
            var reason = json.RootElement.TryGetProperty("reason", out var words) && words.ValueKind == JsonValueKind.String ? words.GetString()! : string.Empty;
            return (allow, Plain(reason));
        }
        catch (JsonException)
        {
            return (true, string.Empty);
        }
    }

    /// <summary>For the log and the client: one short line without secrets.</summary>
    private static string Plain(string text)
    {
        var line = string.Concat(SecretRedaction.Redact(text).Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= LongestReason ? line : line[..LongestReason];
    }

    private sealed class Lane(int concurrency)
    {
        public int Inside;

        public SemaphoreSlim Free { get; } = new(concurrency);
    }

    [LoggerMessage(150, LogLevel.Warning, "hook for {Event} at {Address} failed: {Problem}; the next failures within ten seconds are only counted")]
    private partial void LogFailed(HookEvent @event, HttpAddress address, string problem);
}
