using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Media.Ports;
using Transcoder.Rtmp.Clients;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder url sign</c>: makes an address that ends by itself. The secret comes from a file: every user of a machine can read arguments.</summary>
internal static class UrlVerb
{
    private static readonly TimeSpan DefaultLife = TimeSpan.FromHours(1);

    public static Verb Sign(TextWriter output, TextWriter errors, TimeProvider clock) => new(
        "url sign", "URL [--for publish|play] [--valid 1h] [--config FILE | --secret-file FILE]",
        "Sign an address with the app's first secret, or with one from a file.", async arguments =>
        {
            var parsed = new Arguments(arguments, ["--for", "--valid", "--config", "--secret-file"], [], ["URL"]);
            if (!RtmpUrl.TryParse(parsed.Word(0), out var url) || url.Stream.Contains('?', StringComparison.Ordinal))
            {
                throw new UsageException("URL is not an rtmp address without parameters: write rtmp://HOST/APP/STREAM");
            }

            var action = parsed["--for"] switch
            {
                null or "publish" => AccessAction.Publish,
                "play" => AccessAction.Play,
                var other => throw new UsageException($"--for {other} is neither publish nor play"),
            };
            var life = parsed["--valid"] is not { } text ? DefaultLife
                : ScalarType.Duration.Parse(text) is { Value: TimeSpan valid } ? valid
                : throw new UsageException($"--valid {text} {ScalarType.Duration.Parse(text).Problem}");
            if (await SecretAsync(parsed, url.App, action, errors) is not { } secret)
            {
                return ExitCode.Usage;
            }

            await output.WriteLineAsync($"{parsed.Word(0)}?{SignedAddress.Sign(secret, action, url.App, url.Stream, clock.GetUtcNow() + life)}");
            return ExitCode.Success;
        });

    private static async Task<Secret?> SecretAsync(Arguments parsed, string app, AccessAction action, TextWriter errors)
    {
        if (parsed["--secret-file"] is { } file)
        {
            try
            {
                return (await File.ReadAllTextAsync(file)).Trim() is { Length: > 0 } text ? new Secret(text) : throw new UsageException($"{file} is empty");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UsageException($"{file} can't be read: {e.Message}");
            }
        }

        if (await ConfigVerbs.LoadAsync(parsed["--config"] ?? ConfigurationFile.DefaultPath, errors) is not { } options)
        {
            return null;
        }

        var word = SignedAddress.Word(action);
        if (!options.Apps.TryGetValue(app, out var application))
        {
            throw new UsageException($"the configuration has no app {app}");
        }

        var signed = (action == AccessAction.Publish ? application.Publish.Access : application.Play).Signed;
        return signed.Secrets.Count > 0 ? signed.Secrets[0] : throw new UsageException($"apps.{app}.{word}.signed.secrets names no secret");
    }
}
