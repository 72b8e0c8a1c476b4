namespace Transcoder.Host.Configuration;

/// <summary>The rules that join several keys of <see cref="AccessSchema"/>.</summary>
internal sealed class AccessRules(ProblemList problems)
{
    private const int ShortKey = 8;

    // RFC 7518 §3.2: a key at least as long as the hash.
    private const int ShortestJwtSecret = 32;

    /// <summary>Keys that stand in samples and tutorials: they open the door to everybody who can read.</summary>
    private static readonly string[] PublicKeys = ["change-me", "changeme", "secret", "password", "key", "test", "live"];

    private static readonly System.Buffers.SearchValues<char> UnreservedInUrl =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");

    public void CheckApp(string path, BoundMap app)
    {
        var publish = app.Map("publish");
        var hooks = app.Map("hooks");
        if (publish.List("keys").Count == 0 && !publish.Has("keys_file") && !hooks.Has("on_publish") &&
            publish.Map("signed").List("secrets").Count == 0 && publish.Map("jwt").List("secrets").Count == 0 && !publish.Map("jwt").Has("jwks"))
        {
            problems.Warning(publish.Written && publish.Names.TryGetValue("keys", out var place) ? place : publish.At,
                $"{path} is open: anyone who reaches the port may publish", "write publish: { keys: [\"a long random word\"] }");
        }

        CheckCredentials($"{path}.publish", publish);
        CheckCredentials($"{path}.play", app.Map("play"));
        if (hooks.Has("on_failure") && hooks.Scalar("on_failure")!.Written && !hooks.Has("on_publish") && !hooks.Has("on_play"))
        {
            problems.Warning(hooks.Scalar("on_failure")!.At, $"{path}.hooks.on_failure does nothing: nobody is asked", "write on_publish: or on_play:, or remove it");
        }
    }

    private void CheckCredentials(string path, BoundMap access)
    {
        CheckSecrets($"{path}.keys", access.List("keys"), inAddress: true);
        CheckSecrets($"{path}.signed.secrets", access.Map("signed").List("secrets"), inAddress: false);
        var jwt = access.Map("jwt");
        CheckSecrets($"{path}.jwt.secrets", jwt.List("secrets"), inAddress: false, ShortestJwtSecret);
        if (jwt.Scalar("jwks") is { Value: string keySet } at && keySet.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
        {
            problems.Warning(at.At, $"{path}.jwt.jwks is fetched without TLS: who can change what the network carries can issue tokens", "write an https address");
        }
    }

    private void CheckSecrets(string path, IReadOnlyList<Bound> list, bool inAddress, int shortest = 0)
    {
        var secrets = list.OfType<BoundScalar>().Where(k => k.Value is not null).ToList();
        foreach (var (secret, i) in secrets.Select((secret, i) => (secret, i)))
        {
            if (secret.Text.Length < shortest)
            {
                problems.Error(secret.At, $"{path}[{i}] has {secret.Text.Length} characters", $"write a random word of {shortest} characters or more");
            }
            else if (PublicKeys.Contains(secret.Text.ToLowerInvariant()))
            {
                problems.Warning(secret.At, $"{path}[{i}] is a word that everybody tries", "write a long random word");
            }
            else if (secret.Text.Length < ShortKey)
            {
                problems.Warning(secret.At, $"{path}[{i}] is short and can be guessed", "write a long random word");
            }

            if (inAddress && secret.Text.AsSpan().IndexOfAnyExcept(UnreservedInUrl) >= 0)
            {
                problems.Warning(secret.At, $"{path}[{i}] holds characters that an address must escape", "use letters, digits and - . _ ~ only");
            }

            if (secrets.Take(i).Any(k => k.Text == secret.Text))
            {
                problems.Error(secret.At, $"{path}[{i}] is written twice", "remove one of them");
            }
        }
    }
}
