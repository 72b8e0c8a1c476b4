using Transcoder.Host.Configuration;
using Transcoder.Host.Serving;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder serve</c>: the daemon.</summary>
internal static class ServeVerb
{
    public static Verb Serve(TextWriter errors) => new("serve", "[--config FILE]", $"Run the appliance (default configuration {ConfigurationFile.DefaultPath}).", async arguments =>
    {
        var path = new Arguments(arguments, ["--config"], [], [])["--config"] ?? ConfigurationFile.DefaultPath;
        return await ConfigVerbs.LoadAsync(path, errors) is { } options ? await Daemon.RunAsync(options, errors) : ExitCode.Usage;
    });
}
