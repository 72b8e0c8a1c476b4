using Microsoft.IdentityModel.Tokens;
using Transcoder.Host.Configuration;

namespace Transcoder.Host.Serving.Access;

/// <summary>
/// The public keys that tokens are signed with (JWKS, RFC 7517), from a file or a web address. They are fetched in the background; a fetch that fails leaves
/// the keys as they were. A token that names an unknown key makes one more fetch happen, at most every half a minute.
/// </summary>
internal sealed partial class TokenKeySet(JwtOptions options, HttpClient http, TimeProvider clock, ILogger log)
{
    private const int LargestSet = 256 << 10;
    public static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenUnknownKeys = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private JsonWebKey[] _keys = [];
    private Task _fetching = Task.CompletedTask;
    private long _fetchedAt;
    private bool _fetched;
    private FileStamp _seen;

    public bool IsEmpty => Volatile.Read(ref _keys).Length == 0;

    /// <summary>The keys that may have signed the token: the one that it names, or all where it names none.</summary>
    public IReadOnlyList<JsonWebKey> Find(string? keyId) =>
        string.IsNullOrEmpty(keyId) ? Volatile.Read(ref _keys) : [.. Volatile.Read(ref _keys).Where(key => key.Kid == keyId)];

    /// <summary>As above, after one fetch where the key is unknown and the last fetch is long enough ago.</summary>
    public async ValueTask<IReadOnlyList<JsonWebKey>> FindAsync(string? keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { Count: > 0 } known || options.KeySet is null)
        {
            return Find(keyId);
        }

        await Fetch(BetweenUnknownKeys).WaitAsync(cancellationToken).ConfigureAwait(false);
        return Find(keyId);
    }

    /// <summary>Called every second.</summary>
    public void Tick()
    {
        if (options.KeySet is not null)
        {
            _ = Fetch(IsEmpty ? BetweenUnknownKeys : options.Refresh);
        }
        else if (options.KeySetFile is { } file && FileStamp.Of(file) is var stamp && stamp != _seen)
        {
            _seen = stamp;
            try
            {
                Take(File.ReadAllText(file), file);
            }
            catch (Exception e) when (IsUnusable(e))
            {
                LogKept(file, e.Message);
            }
        }
    }

    private static bool IsUnusable(Exception e) =>
        e is IOException or UnauthorizedAccessException or ArgumentException or System.Text.Json.JsonException or HttpRequestException or OperationCanceledException or InvalidOperationException;

    /// <summary>The fetch under way, a new one, or none when the last one is younger.</summary>
    private Task Fetch(TimeSpan unlessYoungerThan)
    {
        lock (_lock)
        {
            if (_fetching.IsCompleted && (!_fetched || clock.GetElapsedTime(_fetchedAt) >= unlessYoungerThan))
            {
                _fetched = true;
                _fetchedAt = clock.GetTimestamp();
                _fetching = FetchAsync(options.KeySet!);
            }

            return _fetching;
        }
    }

    private async Task FetchAsync(HttpAddress address)
    {
        using var deadline = new CancellationTokenSource(FetchTimeout, clock);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address.Value);
            request.Headers.Authorization = address.Authorization;
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, deadline.Token).ConfigureAwait(false);
            response.EnsureSuccessStatusCode();
            await response.Content.LoadIntoBufferAsync(LargestSet, deadline.Token).ConfigureAwait(false);
            Take(await response.Content.ReadAsStringAsync(deadline.Token).ConfigureAwait(false), address.ToString());
        }
        catch (Exception e) when (IsUnusable(e))
        {
            LogKept(address.ToString(), e is OperationCanceledException ? $"no answer in {FetchTimeout.TotalSeconds:0} s" : e.Message);
        }
    }

    private void Take(string json, string from)
    {
        // A symmetric key in a public set would be no secret; keys for encryption sign nothing.
        JsonWebKey[] keys = [.. JsonWebKeySet.Create(json).Keys.Where(key => key.Kty is JsonWebAlgorithmsKeyTypes.RSA or JsonWebAlgorithmsKeyTypes.EllipticCurve && key.Use is null or "" or "sig")];
        if (keys.Length == 0)
        {
            throw new ArgumentException("it holds no RSA or EC key that signs");
        }

        var before = Interlocked.Exchange(ref _keys, keys);
        if (!before.Select(key => key.Kid).SequenceEqual(keys.Select(key => key.Kid)))
        {
            LogKeys(from, keys.Length);
        }
    }

    [LoggerMessage(140, LogLevel.Information, "{KeySet} has {Count} keys for tokens")]
    private partial void LogKeys(string keySet, int count);

    [LoggerMessage(141, LogLevel.Warning, "{KeySet} could not be read: {Problem}; the keys as they were stay good")]
    private partial void LogKept(string keySet, string problem);
}
