namespace Transcoder.Host.Configuration;

/// <summary>Reads a YAML tree by the schema: unknown and duplicate keys, wrong kinds, bad values and missing ones are reported, and reading goes on.</summary>
internal sealed class SchemaBinder(ProblemList problems)
{
    /// <param name="path">For messages: "apps.live.push".</param>
    public Bound Bind(SchemaNode node, YamlTree tree, string path, bool written = true) => node switch
    {
        ScalarNode scalar => BindScalar(scalar, tree, path, written),
        ListNode list => BindList(list, tree, path, written),
        NamedNode named => BindNamed(named, tree, path, written),
        _ => BindObject((ObjectNode)node, tree, path, written),
    };

    private BoundScalar BindScalar(ScalarNode node, YamlTree tree, string path, bool written)
    {
        if (tree is not YamlScalar { } scalar)
        {
            problems.Error(tree.At, $"{path} is {Kind(tree)}, not {node.Type.Name}", $"write {Example(path, node)}");
            return new BoundScalar(tree.At, written, string.Empty, null);
        }

        if (scalar.IsNull)
        {
            problems.Error(scalar.At, $"{path} has no value", $"write {Example(path, node)}, or remove the key");
            return new BoundScalar(tree.At, written, string.Empty, null);
        }

        var (value, problem) = scalar.Text.Any(char.IsControl) ? (null, "holds a control character") : node.Type.Parse(scalar.Text);
        if (value is null)
        {
            problems.Error(scalar.At, $"{path}: {Shown(scalar.Text)} {problem}", Advice(node, scalar.Text, path));
        }
        else if (OutOfRange(node, (IComparable?)(value as IComparable)) is { } range)
        {
            problems.Error(scalar.At, $"{path}: {Shown(scalar.Text)} is out of range", $"write {range}");
            value = null;
        }

        return new BoundScalar(tree.At, written, scalar.Text, value);
    }

    private BoundList BindList(ListNode node, YamlTree tree, string path, bool written)
    {
        if (tree is not YamlList list)
        {
            if (tree is not YamlScalar { IsNull: true } || node.Min > 0)
            {
                problems.Error(tree.At, $"{path} is {Kind(tree)}, not a list", node.Item is ScalarNode item ? $"write {Leaf(path)}: [{item.Type.Example}]" : "begin each item with a dash: - ");
            }

            return new BoundList(tree.At, written, []);
        }

        if (list.Items.Count < node.Min)
        {
            problems.Error(list.At, $"{path} is empty", "name at least one, or remove the key");
        }
        else if (list.Items.Count > node.Max)
        {
            problems.Error(list.Items[node.Max].At, $"{path} has {list.Items.Count} items", $"keep at most {node.Max}");
        }

        return new BoundList(tree.At, written, [.. list.Items.Take(node.Max).Select((item, i) => Bind(node.Item, item, $"{path}[{i}]", written))]);
    }

    private BoundMap BindNamed(NamedNode node, YamlTree tree, string path, bool written)
    {
        var values = new Dictionary<string, Bound>(StringComparer.Ordinal);
        var names = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var (key, value) in Entries(tree, path))
        {
            if (!Claim(names, key, path))
            {
                continue;
            }

            if (ScalarType.Identifier.Parse(key.Text).Problem is { } problem)
            {
                problems.Error(key.At, $"{path}: the {node.What}'s name {Shown(key.Text)} {problem}", $"write a name such as {(node.What == "app" ? "live" : "hd")}");
            }

            values[key.Text] = Bind(node.Value, value, $"{path}.{key.Text}", written);
        }

        if (names.Count < node.Min && tree is YamlMap or YamlScalar { IsNull: true })
        {
            problems.Error(tree.At, $"{path} names no {node.What}", $"write at least one, for example {(node.What == "app" ? "live: { }" : "hd:")}");
        }

        return new BoundMap(tree.At, written, values, names);
    }

    private BoundMap BindObject(ObjectNode node, YamlTree tree, string path, bool written)
    {
        var values = new Dictionary<string, Bound>(StringComparer.Ordinal);
        var names = new Dictionary<string, Place>(StringComparer.Ordinal);
        foreach (var (key, value) in Entries(tree, path))
        {
            if (!Claim(names, key, path))
            {
                continue;
            }

            if (node.Keys.FirstOrDefault(k => k.Name == key.Text) is { } known)
            {
                values[key.Text] = Bind(known.Node, value, Join(path, key.Text), written);
            }
            else
            {
                problems.Error(key.At, $"{Join(path, Shown(key.Text))} is not a key", Spelling.Advice(key.Text, node.Keys.Select(k => k.Name)));
            }
        }

        foreach (var key in node.Keys.Where(k => !names.ContainsKey(k.Name)))
        {
            if (key.Need == Need.Required)
            {
                // A tree of the wrong kind was reported already, and so was a misspelt key next to it: this says what it should have been.
                problems.Error(tree.At, $"{Join(path, key.Name)} is missing", $"write {Example(key.Name, key.Node)}");
            }
            else if (key.Default is { } text)
            {
                values[key.Name] = BindDefault(key.Node, text, tree.At, Join(path, key.Name));
            }
            else if (key.Node is ObjectNode nested && nested.Keys.All(k => k.Need == Need.Optional) && nested.Keys.Any(k => k.Default is not null || k.Node is ObjectNode))
            {
                values[key.Name] = BindObject(nested, new YamlMap(tree.At, []), Join(path, key.Name), written: false);
            }
        }

        return new BoundMap(tree.At, written, values, names);
    }

    private Bound BindDefault(SchemaNode node, string text, Place at, string path)
    {
        var own = new ProblemList();
        var tree = YamlTree.Parse(text, own) ?? new YamlScalar(at, text, IsNull: false);
        var bound = new SchemaBinder(own).Bind(node, tree, path, written: false);
        return own.HasErrors
            ? throw new InvalidOperationException($"the default of {path} is wrong: {own.InFileOrder[0].Message}")
            : bound with { At = at };
    }

    /// <summary>The entries of a map; nothing at all counts as an empty one, so that everything below a key may be commented out.</summary>
    private IReadOnlyList<(YamlScalar Key, YamlTree Value)> Entries(YamlTree tree, string path)
    {
        if (tree is YamlMap map)
        {
            return map.Entries;
        }

        if (tree is not YamlScalar { IsNull: true })
        {
            problems.Error(tree.At, $"{(path.Length > 0 ? path : "the file")} is {Kind(tree)}, not a group of keys", "write key: value lines, indented below it");
        }

        return [];
    }

    private bool Claim(Dictionary<string, Place> names, YamlScalar key, string path)
    {
        if (names.TryAdd(key.Text, key.At))
        {
            return true;
        }

        problems.Error(key.At, $"{Join(path, Shown(key.Text))} is written twice, first in line {names[key.Text].Line}", "keep one of them");
        return false;
    }

    private static string? OutOfRange(ScalarNode node, IComparable? value)
    {
        var below = node.Min is { } min && value?.CompareTo(node.Type.Parse(min).Value) < 0;
        var above = node.Max is { } max && value?.CompareTo(node.Type.Parse(max).Value) > 0;
        return below || above ? Range(node) : null;
    }

    private static string Range(ScalarNode node) => (node.Min, node.Max) switch
    {
        ({ } min, { } max) => $"{node.Type.Name} from {min} to {max}",
        ({ } min, null) => $"{node.Type.Name} of at least {min}",
        _ => $"{node.Type.Name} of at most {node.Max}",
    };

    private static string Advice(ScalarNode node, string text, string path)
    {
        if (node.Type == ScalarType.RtmpUrl)
        {
            return PushUrl.Check(text)?.Instead ?? string.Empty;
        }

        if (node.Type.Words is { } words)
        {
            return Spelling.Advice(text, words);
        }

        if (node.Type == ScalarType.EvenPixels && int.TryParse(text, out var odd) && odd is > 1 and < 8192)
        {
            return $"write {odd - 1} or {odd + 1}";
        }

        // The commonest slip is a bare number, or one with a neighbour's unit: keep the number.
        var digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').ToArray();
        var unit = node.Type == ScalarType.Duration ? "s" : node.Type == ScalarType.Size ? "MiB" : node.Type == ScalarType.Bitrate ? "k" : string.Empty;
        var guess = new string(digits) + unit;
        return unit.Length > 0 && node.Type.Parse(guess).Value is IComparable value && OutOfRange(node, value) is null
            ? $"write {guess}"
            : $"write {Example(path, node)}";
    }

    private static string Example(string path, SchemaNode node) => node switch
    {
        ScalarNode { Type: var type, Min: { } min } when type == ScalarType.Bitrate || type == ScalarType.Duration || type == ScalarType.Size =>
            $"{Leaf(path)}: {(type.Parse(type.Example).Value is IComparable example && OutOfRange((ScalarNode)node, example) is null ? type.Example : min)}",
        ScalarNode { Type.Words: { } words } => $"{Leaf(path)}: {string.Join(" | ", words)}",
        ScalarNode scalar => $"{Leaf(path)}: {scalar.Type.Example}",
        ListNode { Item: ScalarNode item } => $"{Leaf(path)}: [{item.Type.Example}]",
        NamedNode named => $"{Leaf(path)}: with a name and its keys below it, for example {(named.What == "app" ? "live" : "hd")}:",
        _ => $"{Leaf(path)}: with its keys below it",
    };

    private static string Kind(YamlTree tree) => tree switch
    {
        YamlMap => "a group of keys",
        YamlList => "a list",
        YamlScalar { IsNull: true } => "empty",
        _ => "a single value",
    };

    private static string Shown(string text) => text.Length <= 60 ? SecretFree(text) : SecretFree(text)[..Math.Min(57, SecretFree(text).Length)] + "...";

    private static string SecretFree(string text) => Media.SecretRedaction.Redact(text).ReplaceLineEndings(" ");

    private static string Join(string path, string key) => path.Length > 0 ? $"{path}.{key}" : key;

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..] is var leaf && leaf.IndexOf('[', StringComparison.Ordinal) is var bracket and > 0 ? leaf[..bracket] : path[(path.LastIndexOf('.') + 1)..];
}
