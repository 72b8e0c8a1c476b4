using Transcoder.Host.Configuration;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder config check</c> and <c>transcoder config schema</c>.</summary>
internal static class ConfigVerbs
{
    public static Verb Check(TextWriter output, TextWriter errors) => new(
        "config check", "[FILE]", $"Check a configuration file (default {ConfigurationFile.DefaultPath}).", async arguments =>
        {
            var path = new Arguments(arguments, [], [], ["FILE?"]).WordOrNull(0) ?? ConfigurationFile.DefaultPath;
            return await LoadAsync(path, errors) is { } options ? await ReportAsync(path, options, output) : ExitCode.Usage;
        });

    public static Verb Schema(TextWriter output) => new(
        "config schema", "", "Print the JSON Schema of the configuration file, for editors.", async arguments =>
        {
            _ = new Arguments(arguments, [], [], []);
            await output.WriteAsync(JsonSchemaWriter.Write());
            return ExitCode.Success;
        });

    /// <summary>Reads the file and prints every problem. Null: there was an error, and the verb ends with <see cref="ExitCode.Usage"/>.</summary>
    public static async Task<TranscoderOptions?> LoadAsync(string path, TextWriter errors)
    {
        var result = ConfigurationFile.Load(path);
        foreach (var problem in result.Problems)
        {
            await errors.WriteLineAsync(problem.ToLine(path));
        }

        return result.Options;
    }

    private static async Task<int> ReportAsync(string path, TranscoderOptions options, TextWriter output)
    {
        var renditions = options.Ladders.Values.Sum(ladder => ladder.Count);
        await output.WriteLineAsync($"{path}: good: apps {options.Apps.Count}, ladders {options.Ladders.Count}, renditions {renditions}");
        return ExitCode.Success;
    }
}
