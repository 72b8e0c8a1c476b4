using System.Text.RegularExpressions;
using Transcoder.Host.Configuration;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

/// <summary>The shipped sample is the manual: it must be good, whole, explained, and true about defaults.</summary>
public sealed partial class SampleFileTests
{
    private static readonly string Sample = File.ReadAllText(Repository.PathOf("appliance/transcoder.yaml"));

    /// <summary>With every disabled key enabled: a # without a space after it.</summary>
    private static readonly string Whole = DisabledKey().Replace(Sample, "$1$2");

    private static readonly string[] Shipped = Sample.Split('\n');
    private static readonly string[] Lines = Whole.Split('\n');

    [Fact]
    public void The_sample_is_good_as_it_is_shipped()
    {
        var result = ConfigurationFile.Parse(Sample);
        Assert.Empty(result.Errors);
        Assert.Single(result.Warnings, w => w.Message.Contains("a word that everybody tries", StringComparison.Ordinal));
    }

    [Fact]
    public void The_sample_is_good_with_every_key_enabled() => Assert.Empty(ConfigurationFile.Parse(Whole).Errors);

    [Fact]
    public void The_sample_holds_every_key_of_the_schema()
    {
        var written = Keys().Select(p => p.Path).ToHashSet();
        Assert.Empty(PathsOf(ConfigurationSchema.Root, "").Except(written));
    }

    [Fact]
    public void Every_key_has_a_comment_above_it_where_it_first_stands()
    {
        var seen = new HashSet<string>();
        var bare = Keys().Where(p => p.Key.Node is ScalarNode && StandsAlone(p.Path, p.At) && seen.Add(p.Path))
            .Where(p => !Lines[p.At.Line - 2].TrimStart().StartsWith("# ", StringComparison.Ordinal))
            .Select(p => p.Path);
        Assert.Empty(bare);
    }

    [Fact]
    public void A_disabled_key_with_a_default_shows_that_default()
    {
        foreach (var (path, key, value, at) in Keys().Where(k => Shipped[k.At.Line - 1] != Lines[k.At.Line - 1] && StandsAlone(k.Path, k.At)))
        {
            var shown = (value as YamlScalar)?.Text;
            Assert.True(key.Default is null || shown is null || key.Default.Trim('"') == shown, $"line {at.Line}: {path} shows {shown}, its default is {key.Default}");
        }
    }

    private static IEnumerable<(string Path, SchemaKey Key, YamlTree Value, Place At)> Keys() =>
        PathsIn(YamlTree.Parse(Whole, new ProblemList())!, ConfigurationSchema.Root, string.Empty).OrderBy(p => p.At.Line);

    /// <summary>Compact groups in one line are examples; the keys with a line of their own are explained.</summary>
    private static bool StandsAlone(string path, Place at) => Lines[at.Line - 1].TrimStart(' ', '-').StartsWith(path.Split('.', ']')[^1] + ":", StringComparison.Ordinal);

    private static IEnumerable<string> PathsOf(SchemaNode node, string path) => node switch
    {
        ObjectNode o => o.Keys.SelectMany(k => PathsOf(k.Node, $"{path}.{k.Name}").Prepend($"{path}.{k.Name}")),
        ListNode list => PathsOf(list.Item, path + "[]"),
        NamedNode named => PathsOf(named.Value, path + ".*"),
        _ => [],
    };

    private static IEnumerable<(string Path, SchemaKey Key, YamlTree Value, Place At)> PathsIn(YamlTree tree, SchemaNode node, string path)
    {
        switch (node, tree)
        {
            case (ObjectNode o, YamlMap map):
                foreach (var (key, value) in map.Entries)
                {
                    var known = o.Keys.Single(k => k.Name == key.Text);
                    yield return ($"{path}.{key.Text}", known, value, key.At);
                    foreach (var inner in PathsIn(value, known.Node, $"{path}.{key.Text}"))
                    {
                        yield return inner;
                    }
                }

                break;
            case (NamedNode named, YamlMap map):
                foreach (var inner in map.Entries.SelectMany(e => PathsIn(e.Value, named.Value, path + ".*")))
                {
                    yield return inner;
                }

                break;
            case (ListNode list, YamlList items):
                foreach (var inner in items.Items.SelectMany(i => PathsIn(i, list.Item, path + "[]")))
                {
                    yield return inner;
                }

                break;
        }
    }

    [GeneratedRegex("^( *)#([^ #\n])", RegexOptions.Multiline)]
    private static partial Regex DisabledKey();
}
