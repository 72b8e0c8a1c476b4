using Transcoder.Host.Verbs;
using Xunit;

namespace Transcoder.UnitTests.Host.Verbs;

public sealed class ConfigVerbsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    [Fact]
    public async Task A_good_file_ends_with_0_and_its_warnings_on_the_error_stream()
    {
        await File.WriteAllTextAsync(_file, "apps: { live: }", TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Success, await ConfigVerbs.Check(_output, _errors).Run([_file]));
        Assert.Equal($"{_file}: good: apps 1, ladders 0, renditions 0\n", _output.ToString());
        Assert.StartsWith($"{_file}:1:15: warning: ", _errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_file_ends_with_2_and_a_line_for_each_mistake()
    {
        await File.WriteAllTextAsync(_file, "apps: { live: { ladder: x, spare: 1 } }", TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Usage, await ConfigVerbs.Check(_output, _errors).Run([_file]));
        Assert.Equal(2, _errors.ToString().Split('\n').Count(line => line.Length > 0 && !line.Contains("warning", StringComparison.Ordinal)));
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public async Task The_schema_is_printed_on_the_output()
    {
        Assert.Equal(ExitCode.Success, await ConfigVerbs.Schema(_output).Run([]));
        Assert.StartsWith("{", _output.ToString(), StringComparison.Ordinal);
        await Assert.ThrowsAsync<UsageException>(() => ConfigVerbs.Schema(_output).Run(["more"]));
    }

    public void Dispose() => File.Delete(_file);
}
