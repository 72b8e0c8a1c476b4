namespace Transcoder.Host.Configuration;

internal enum Severity
{
    /// <summary>The file can be used, and the operator should know this.</summary>
    Warning,

    /// <summary>The file can't be used.</summary>
    Error,
}

/// <summary>Where in the file, both counted from 1; 0 where the file as a whole is meant.</summary>
internal readonly record struct Place(int Line, int Column);

/// <param name="Message">What is wrong.</param>
/// <param name="Instead">What to write instead.</param>
internal sealed record ConfigurationProblem(Severity Severity, Place At, string Message, string Instead)
{
    /// <summary>One line in the form that editors and compilers share, so that a click opens the place.</summary>
    public string ToLine(string file)
    {
        var place = At.Line > 0 ? $"{file}:{At.Line}:{At.Column}" : file;
        var message = Instead.Length > 0 ? $"{Message} — {Instead}" : Message;
        return Severity == Severity.Warning ? $"{place}: warning: {message}" : $"{place}: {message}";
    }
}

/// <summary>Collects what is wrong: checking goes on after a problem, so that one pass finds them all.</summary>
internal sealed class ProblemList
{
    // One wrong indent can make hundreds of followers; beyond this nobody reads.
    private const int Most = 100;

    private readonly List<ConfigurationProblem> _problems = [];

    public bool HasErrors { get; private set; }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<ConfigurationProblem> InFileOrder => [.. _problems.OrderBy(p => p.At.Line).ThenBy(p => p.At.Column).Take(Most)];

    public void Error(Place at, string message, string instead)
    {
        HasErrors = true;
        _problems.Add(new ConfigurationProblem(Severity.Error, at, message, instead));
    }

    public void Warning(Place at, string message, string instead) =>
        _problems.Add(new ConfigurationProblem(Severity.Warning, at, message, instead));
}
