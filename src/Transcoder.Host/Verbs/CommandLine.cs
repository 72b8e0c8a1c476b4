using System.Reflection;

namespace Transcoder.Host.Verbs;

/// <summary>Finds the verb that the command line asks for.</summary>
internal sealed class CommandLine(IReadOnlyList<Verb> verbs, TextWriter output, TextWriter errors)
{
    public static string Version { get; } =
        typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    public async Task<int> RunAsync(string[] arguments)
    {
        switch (arguments)
        {
            case ["--version" or "-V"]:
                await output.WriteLineAsync($"transcoder {Version}");
                return ExitCode.Success;
            case ["--help" or "-h" or "help"]:
                await output.WriteAsync(Help());
                return ExitCode.Success;
            case []:
                await errors.WriteAsync(Help());
                return ExitCode.Usage;
        }

        // A verb may be two words; the longer one is tried first.
        var verb = verbs.FirstOrDefault(v => arguments.Length >= 2 && v.Name == $"{arguments[0]} {arguments[1]}") ?? verbs.FirstOrDefault(v => v.Name == arguments[0]);
        if (verb is null)
        {
            var nearest = Configuration.Spelling.Nearest(arguments[0], [.. verbs.Where(v => !v.Internal).Select(v => v.Name.Split(' ')[0])]);
            await errors.WriteLineAsync($"transcoder: {arguments[0]} is not a verb{(nearest is null ? string.Empty : $" — did you mean {nearest}?")}\n");
            await errors.WriteAsync(Help());
            return ExitCode.Usage;
        }

        var words = arguments[verb.Name.Split(' ').Length..];
        if (words is ["--help" or "-h"])
        {
            await output.WriteLineAsync($"{Line(verb)}\n  {verb.Summary}");
            return ExitCode.Success;
        }

        try
        {
            return await verb.Run(words);
        }
        catch (UsageException e)
        {
            await errors.WriteLineAsync($"transcoder {verb.Name}: {e.Message}\nusage: {Line(verb)}");
            return ExitCode.Usage;
        }
    }

    private string Help()
    {
        var shown = verbs.Where(v => !v.Internal).ToList();
        var width = shown.Max(v => Line(v).Length);
        return "usage:\n" + string.Concat(shown.Select(v => $"  {Line(v).PadRight(width)}  {v.Summary}\n")) +
            $"  {"transcoder --version".PadRight(width)}  Print the version.\n";
    }

    private static string Line(Verb verb) => $"transcoder {verb.Name} {verb.Usage}".TrimEnd();
}
