using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Configuration;
using Transcoder.Host.Serving.Access;
using Transcoder.Host.Verbs;
using Transcoder.Media.Ports;
using Xunit;

namespace Transcoder.UnitTests.Host.Verbs;

public sealed class UrlVerbTests : IDisposable
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private readonly string _folder = Directory.CreateTempSubdirectory("transcoder-url-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("publish", "", 3600)]
    [InlineData("play", "--for play --valid 30m", 1800)]
    public async Task An_address_is_signed_with_the_apps_first_secret_for_what_is_asked(string action, string options, int seconds)
    {
        var config = File("apps: { live: { publish: { signed: { secrets: [publish-secret, older-secret] } }, play: { signed: { secrets: [play-secret] } } } }");
        Assert.Equal(ExitCode.Success, await RunAsync($"rtmps://h/live/cam1 --config {config} {options}"));
        var signature = SignedAddress.Sign(new Secret($"{action}-secret"), action == "play" ? AccessAction.Play : AccessAction.Publish, "live", "cam1", Now.AddSeconds(seconds));
        Assert.Equal($"rtmps://h/live/cam1?{signature}\n", _output.ToString());
    }

    [Fact]
    public async Task A_secret_may_come_from_a_file_of_its_own()
    {
        Assert.Equal(ExitCode.Success, await RunAsync($"rtmp://h/live/cam1 --secret-file {File("my-secret\n")}"));
        Assert.Contains(SignedAddress.Sign(new Secret("my-secret"), AccessAction.Publish, "live", "cam1", Now.AddHours(1)), _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rtmp://h/live", "URL is not")]
    [InlineData("rtmp://h/live/cam1?key=1", "without parameters")]
    [InlineData("rtmp://h/live/cam1 --for both", "neither publish nor play")]
    [InlineData("rtmp://h/live/cam1 --valid 1", "no unit")]
    [InlineData("rtmp://h/live/cam1 --secret-file /nowhere/secret", "/nowhere/secret can't be read")]
    [InlineData("rtmp://h/other/cam1", "no app other")]
    [InlineData("rtmp://h/live/cam1 --for play", "apps.live.play.signed.secrets names no secret")]
    public async Task What_is_wrong_is_told(string words, string problem)
    {
        var config = File("apps: { live: { publish: { signed: { secrets: [publish-secret] } } } }");
        var more = words.Contains("secret-file", StringComparison.Ordinal) ? "" : $" --config {config}";
        Assert.Contains(problem, (await Assert.ThrowsAsync<UsageException>(() => RunAsync(words + more))).Message, StringComparison.Ordinal);
        Assert.Empty(_output.ToString());
    }

    private Task<int> RunAsync(string words) =>
        UrlVerb.Sign(_output, _errors, new FakeTimeProvider(Now)).Run(words.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private string File(string text)
    {
        var file = Path.Combine(_folder, "file");
        System.IO.File.WriteAllText(file, text);
        return file;
    }
}
