using System.Text.RegularExpressions;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed partial class ConfigurationTests
{
    private const string FiveMistakes = """
        server:
          rtmp: { listen: "127.0.0.1:0" }
          http: { listen: "127.0.0.1:0" }
        ladders:
          small:
            - { name: 480p, video: { codec: h264, height: 479, bitrate: 1200k } }
            - { name: 360p, video: { codec: h265, height: 360, bitrate: 700k } }
            - { name: 360p, video: { codec: h264, height: 240, bitrate: 700x } }
        apps:
          live: { lader: small }

        """;

    [GeneratedRegex(@"^(?<file>.+):(?<line>\d+):(?<column>\d+): ")]
    private static partial Regex Place { get; }

    [Fact]
    public async Task Five_mistakes_are_five_lines_with_their_places_and_nothing_is_started()
    {
        RunningAppliance.RequireProgram();
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, FiveMistakes);
            foreach (string[] arguments in new[] { new[] { "config", "check", file }, ["serve", "--config", file] })
            {
                await using var program = ChildProcess.Start(RunningAppliance.Program, arguments);
                Assert.Equal(2, await program.ExitAsync());
                Assert.All(program.Lines, line => Assert.Matches(Place, line));
                Assert.All(program.Lines, line => Assert.Equal(file, Place.Match(line).Groups["file"].Value));
                var mistakes = program.Lines.Where(line => !line.Contains(": warning: ", StringComparison.Ordinal));
                Assert.Equal(["6", "7", "8", "8", "10"], mistakes.Select(line => Place.Match(line).Groups["line"].Value));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }
}
