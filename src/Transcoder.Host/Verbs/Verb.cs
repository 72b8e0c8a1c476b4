namespace Transcoder.Host.Verbs;

/// <summary>One thing the program does.</summary>
/// <param name="Usage">What follows the verb, for the help: "FILE URL [--loop]".</param>
/// <param name="Summary">One line.</param>
/// <param name="Run">Gets the words after the verb; returns the exit code.</param>
/// <param name="Internal">Started by the program itself: not in the help.</param>
internal sealed record Verb(string Name, string Usage, string Summary, Func<string[], Task<int>> Run, bool Internal = false);

/// <summary>What the program's exit says to scripts and systemd.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>It ran and failed.</summary>
    public const int Failure = 1;

    /// <summary>The command line or the configuration is wrong: nothing was started, and starting again won't help.</summary>
    public const int Usage = 2;
}
