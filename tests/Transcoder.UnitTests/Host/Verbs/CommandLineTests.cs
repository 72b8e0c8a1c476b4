using Transcoder.Host.Verbs;
using Xunit;

namespace Transcoder.UnitTests.Host.Verbs;

public sealed class CommandLineTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private string[]? _words;

    [Theory]
    [InlineData(new[] { "go" }, new string[0])]
    [InlineData(new[] { "go", "a", "--b" }, new[] { "a", "--b" })]
    [InlineData(new[] { "config", "check", "f" }, new[] { "f" })]
    public async Task A_verb_gets_the_words_after_it(string[] arguments, string[] words)
    {
        Assert.Equal(7, await RunAsync(arguments));
        Assert.Equal(words, _words);
    }

    [Fact]
    public async Task An_unknown_verb_is_a_usage_error_with_the_list_and_a_guess()
    {
        Assert.Equal(ExitCode.Usage, await RunAsync("conifg"));
        Assert.Contains("did you mean config?", _errors.ToString(), StringComparison.Ordinal);
        Assert.Contains("transcoder go", _errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_lists_the_verbs_but_not_the_internal_ones()
    {
        Assert.Equal(ExitCode.Success, await RunAsync("--help"));
        Assert.Contains("transcoder config check F", _output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_at_all_is_a_usage_error() => Assert.Equal(ExitCode.Usage, await RunAsync());

    [Fact]
    public async Task A_verbs_own_help_does_not_run_it()
    {
        Assert.Equal(ExitCode.Success, await RunAsync("go", "--help"));
        Assert.Null(_words);
    }

    [Fact]
    public async Task The_version_is_one_line()
    {
        Assert.Equal(ExitCode.Success, await RunAsync("--version"));
        Assert.Matches(@"^transcoder \d+\.\d+\.\d+\r?\n$", _output.ToString());
    }

    [Fact]
    public async Task A_verb_that_does_not_understand_its_words_shows_its_usage()
    {
        Assert.Equal(ExitCode.Usage, await RunAsync("picky"));
        Assert.Equal("transcoder picky: no\nusage: transcoder picky\n", _errors.ToString());
    }

    [Theory]
    [InlineData(new[] { "f", "--config", "c", "--loop" }, "f", "c", true)]
    [InlineData(new[] { "--config=c=d", "f" }, "f", "c=d", false)]
    [InlineData(new[] { "--", "--f" }, "--f", null, false)]
    [InlineData(new[] { "-" }, "-", null, false)]
    public void Arguments_are_sorted_into_words_options_and_switches(string[] given, string word, string? config, bool loop)
    {
        var arguments = new Arguments(given, ["--config"], ["--loop"], ["FILE", "URL?"]);
        Assert.Equal((word, config, loop), (arguments.Word(0), arguments["--config"], arguments.Has("--loop")));
        Assert.Null(arguments.WordOrNull(1));
    }

    [Theory]
    [InlineData(new string[0], "FILE is missing")]
    [InlineData(new[] { "a", "b", "c" }, "c is one word too many")]
    [InlineData(new[] { "a", "--what" }, "--what is not an option")]
    [InlineData(new[] { "a", "--config" }, "--config needs a value")]
    [InlineData(new[] { "a", "--loop=1" }, "--loop takes no value")]
    [InlineData(new[] { "a", "--loop", "--loop" }, "--loop is given twice")]
    public void Arguments_that_do_not_fit_are_refused(string[] given, string message) =>
        Assert.Equal(message, Assert.Throws<UsageException>(() => new Arguments(given, ["--config"], ["--loop"], ["FILE", "URL?"])).Message);

    private Task<int> RunAsync(params string[] arguments)
    {
        Task<int> Note(string[] words)
        {
            _words = words;
            return Task.FromResult(7);
        }

        return new CommandLine(
            [
                new Verb("go", "[WORD]...", "Goes.", Note),
                new Verb("config check", "F", "Checks.", Note),
                new Verb("picky", "", "Refuses.", _ => throw new UsageException("no")),
                new Verb("hidden", "", "Internal.", Note, Internal: true),
            ],
            _output,
            _errors).RunAsync(arguments);
    }
}
