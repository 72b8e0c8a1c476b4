namespace Transcoder.Host.Configuration;

/// <summary>What came of reading a configuration file.</summary>
/// <param name="Options">Null when there is an error.</param>
/// <param name="Problems">Errors and warnings in the order of the file.</param>
internal sealed record ConfigurationResult(TranscoderOptions? Options, IReadOnlyList<ConfigurationProblem> Problems)
{
    public IEnumerable<ConfigurationProblem> Errors => Problems.Where(p => p.Severity == Severity.Error);

    public IEnumerable<ConfigurationProblem> Warnings => Problems.Where(p => p.Severity == Severity.Warning);
}

/// <summary>Reads the configuration. Nothing here throws for what a file may hold or for a file that can't be read.</summary>
internal static class ConfigurationFile
{
    public const string DefaultPath = "/etc/transcoder/transcoder.yaml";

    // A ladder of every app of a large house takes some 100 KiB; a wrong path may name a film.
    private const long LargestFile = 1 << 20;

    public static ConfigurationResult Load(string path)
    {
        string text;
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > LargestFile)
            {
                return Refused("this file is larger than 1 MiB", "name a configuration file");
            }

            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return Refused("there is no such file", "name one with --config FILE");
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException or ArgumentException or NotSupportedException)
        {
            return Refused("this file can't be read", Directory.Exists(path) ? "it is a directory: name a file in it" : e.Message);
        }

        return Parse(text);
    }

    public static ConfigurationResult Parse(string text)
    {
        var problems = new ProblemList();
        var tree = YamlTree.Parse(text, problems);
        if (problems.HasErrors && tree is null)
        {
            return new ConfigurationResult(null, problems.InFileOrder);
        }

        var root = (BoundMap)new SchemaBinder(problems).Bind(ConfigurationSchema.Root, tree ?? new YamlMap(new Place(1, 1), []), string.Empty);
        new OptionsRules(root, problems).Check();
        return new ConfigurationResult(problems.HasErrors ? null : OptionsReader.Read(root), problems.InFileOrder);
    }

    private static ConfigurationResult Refused(string message, string instead) =>
        new(null, [new ConfigurationProblem(Severity.Error, default, message, instead)]);
}
