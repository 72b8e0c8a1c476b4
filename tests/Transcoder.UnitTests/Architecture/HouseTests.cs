using System.Text.RegularExpressions;
using System.Xml.Linq;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Architecture;

/// <summary>What the house's plan promises and no compiler checks.</summary>
public sealed partial class HouseTests
{
    [Theory]
    [InlineData("Media")]
    [InlineData("Rtmp", "Media")]
    [InlineData("Codecs", "Media")]
    [InlineData("Pipeline", "Media")]
    [InlineData("Streams", "Media")]
    [InlineData("Outputs", "Media", "Rtmp", "Streams")]
    [InlineData("Host", "Media", "Rtmp", "Codecs", "Pipeline", "Streams", "Outputs")]
    public void A_project_references_what_it_may(string project, params string[] allowed)
    {
        var file = Repository.PathOf($"src/Transcoder.{project}/Transcoder.{project}.csproj");
        var references = XDocument.Load(file).Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value)["Transcoder.".Length..]);
        Assert.Empty(references.Except(allowed));
    }

    [Fact]
    public void Every_project_of_src_is_in_that_table() =>
        Assert.Equal(7, Repository.Sources("src", "*.csproj").Count());

    [Fact]
    public void Native_code_is_called_from_Codecs_alone_but_for_the_kernels_epoll_and_send_and_the_heap()
    {
        var elsewhere = Repository.Sources("src", "*.cs").Where(file => !file.Contains("Transcoder.Codecs", StringComparison.Ordinal) && NativeCode().IsMatch(CodeOf(file)));
        Assert.Equal(["Epoll.cs", "NativeHeap.cs", "SocketSend.cs"], elsewhere.Select(Path.GetFileName).Order());
        var permitted = Repository.Sources("src", "*.csproj").Where(file => File.ReadAllText(file).Contains("AllowUnsafeBlocks", StringComparison.Ordinal));
        Assert.Equal("Transcoder.Codecs.csproj", Path.GetFileName(Assert.Single(permitted)));
    }

    [Fact]
    public void No_source_file_is_longer_than_600_lines()
    {
        var sources = Repository.Sources("src", "*.cs").Concat(Directory.Exists(Repository.PathOf("native")) ? Repository.Sources("native", "*.c") : []);
        var tooLong = sources.Where(file => File.ReadLines(file).Count() > 600);
        Assert.Empty(tooLong);
    }

    [Fact]
    public void Namespaces_follow_folders()
    {
        foreach (var file in Repository.Sources("src", "*.cs"))
        {
            var space = Namespace().Match(File.ReadAllText(file));
            var folder = Path.GetRelativePath(Repository.PathOf("src"), Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.');
            Assert.True(!space.Success || space.Groups[1].Value == folder, $"{file} is in the namespace {space.Groups[1].Value}, its folder is {folder}");
        }
    }

    [Fact]
    public void Nothing_is_named_after_a_drawer()
    {
        var drawers = Repository.Sources("src", "*.cs").SelectMany(file => TypeName().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value)).Where(name => Drawer().IsMatch(name) && name != "ResourceManager");
        Assert.Empty(drawers);
    }

    [Fact]
    public void ARCHITECTURE_is_short_and_each_type_it_names_exists()
    {
        var document = File.ReadAllText(Repository.PathOf("ARCHITECTURE.md"));
        Assert.True(document.Split('\n').Length <= 200, "ARCHITECTURE.md has more than 200 lines");
        var types = Repository.Sources("src", "*.cs").Concat(Repository.Sources("tests", "*.cs"))
            .SelectMany(file => TypeName().Matches(File.ReadAllText(file)).Select(m => m.Groups[1].Value)).ToHashSet(StringComparer.Ordinal);
        var unknown = BackquotedType().Matches(document).Select(m => m.Groups[1].Value).Distinct().Except(types).Except(OthersTypes);
        Assert.Empty(unknown);
    }

    /// <summary>Types of the platform and its libraries that the document may name.</summary>
    private static readonly string[] OthersTypes = ["ConnectionHandler", "SafeHandle", "TimeProvider", "IHostedService", "BackgroundService", "Channel", "PipeReader", "PipeWriter", "WebApplication", "JsonSerializerContext"];

    private static string CodeOf(string file) => Comment().Replace(File.ReadAllText(file), string.Empty);

    [GeneratedRegex(@"\bunsafe\b|\bDllImport\b|\bLibraryImport\b|\bNativeLibrary\b|\bdelegate\*")]
    private static partial Regex NativeCode();

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^[^/\n]*\b(?:record struct|record class|class|struct|record|interface|enum) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeName();

    [GeneratedRegex(@"(Helper|Helpers|Util|Utils|Manager|Info|Data)$")]
    private static partial Regex Drawer();

    // A type in backquotes: two humps at least, so that neither a word nor a verb of the program counts; a member after a dot is not looked at.
    [GeneratedRegex(@"`(I?[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+)(?:<[^`]*>)?(?:\.\w+)?(?:\(\))?`")]
    private static partial Regex BackquotedType();

    [GeneratedRegex(@"//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();
}
