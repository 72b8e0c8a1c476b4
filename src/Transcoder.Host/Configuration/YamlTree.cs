using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Transcoder.Host.Configuration;

/// <summary>A YAML document as written, with the place of every part. Unlike a YAML library's own tree it keeps duplicate keys, so that all of them are reported.</summary>
internal abstract record YamlTree(Place At)
{
    // Deeper than any true configuration; keeps the recursion below within its stack.
    private const int Deepest = 32;

    /// <summary>Null after a syntax error (a parser can't find a second one with any trust) and for an empty file.</summary>
    public static YamlTree? Parse(string text, ProblemList problems)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
            {
                return null;
            }

            var root = Read(parser, problems, depth: 0);
            parser.Consume<DocumentEnd>();
            if (parser.TryConsume<DocumentStart>(out var second))
            {
                problems.Error(PlaceOf(second.Start), "a second document begins here", "keep one document: remove the line ---");
            }

            return root;
        }
        catch (YamlException e)
        {
            return NotYaml(PlaceOf(e.Start), Plain(e.Message), text, problems);
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet's scanner ends so on a flow list that is not closed, without saying where.
            return NotYaml(parser.Current is { } last ? PlaceOf(last.End) : new Place(1, 1), "a [ or { is not closed after this", text, problems);
        }
    }

    private static YamlTree Read(Parser parser, ProblemList problems, int depth)
    {
        if (depth > Deepest)
        {
            throw new YamlException(parser.Current!.Start, parser.Current.End, "the nesting is too deep");
        }

        switch (parser.Consume<ParsingEvent>())
        {
            case Scalar scalar:
                RefuseExtras(scalar, problems);
                return new YamlScalar(PlaceOf(scalar.Start), scalar.Value, scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null");
            case SequenceStart sequence:
                RefuseExtras(sequence, problems);
                var items = new List<YamlTree>();
                while (!parser.TryConsume<SequenceEnd>(out _))
                {
                    items.Add(Read(parser, problems, depth + 1));
                }

                return new YamlList(PlaceOf(sequence.Start), items);
            case MappingStart mapping:
                RefuseExtras(mapping, problems);
                return ReadMap(parser, mapping, problems, depth);
            case AnchorAlias alias:
                problems.Error(PlaceOf(alias.Start), $"*{alias.Value} is a YAML alias, which this file can't use", "write the values out");
                return new YamlScalar(PlaceOf(alias.Start), string.Empty, IsNull: true);
            case var other:
                throw new YamlException(other.Start, other.End, "a value is missing");
        }
    }

    private static YamlMap ReadMap(Parser parser, MappingStart mapping, ProblemList problems, int depth)
    {
        var entries = new List<(YamlScalar, YamlTree)>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Read(parser, problems, depth + 1);
            var value = Read(parser, problems, depth + 1);
            if (key is YamlScalar name)
            {
                entries.Add((name, value));
            }
            else
            {
                problems.Error(key.At, "a key must be a word", "write key: value");
            }
        }

        return new YamlMap(PlaceOf(mapping.Start), entries);
    }

    private static void RefuseExtras(NodeEvent node, ProblemList problems)
    {
        if (!node.Anchor.IsEmpty)
        {
            problems.Error(PlaceOf(node.Start), $"&{node.Anchor.Value} is a YAML anchor, which this file can't use", "write the values out");
        }

        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
        {
            problems.Error(PlaceOf(node.Start), $"{node.Tag.Value} is a YAML tag, which this file can't use", "write the value alone");
        }
    }

    private static Place PlaceOf(in Mark mark) => new((int)mark.Line, (int)mark.Column);

    private static string Plain(string message)
    {
        var text = message.TrimEnd('.');
        return text.Length > 0 ? char.ToLowerInvariant(text[0]) + text[1..] : "it can't be read";
    }

    private static YamlTree? NotYaml(Place at, string message, string text, ProblemList problems)
    {
        // A tab is the commonest cause, and parsers then name some place before it.
        var lines = text.Split('\n');
        var tab = Array.FindIndex(lines, line => line.TrimStart(' ').StartsWith('\t') && line.AsSpan().Trim().Length > 0);
        if (tab >= 0)
        {
            problems.Error(new Place(tab + 1, lines[tab].IndexOf('\t', StringComparison.Ordinal) + 1), "this line is indented with a tab, which YAML does not allow", "indent with spaces");
        }
        else
        {
            problems.Error(at, "this is not YAML: " + message, "check the indentation, and quote values that hold any of : # { } [ ] , & *");
        }

        return null;
    }
}

/// <param name="IsNull">Nothing was written, or YAML's own word for nothing.</param>
internal sealed record YamlScalar(Place At, string Text, bool IsNull) : YamlTree(At);

internal sealed record YamlList(Place At, IReadOnlyList<YamlTree> Items) : YamlTree(At);

internal sealed record YamlMap(Place At, IReadOnlyList<(YamlScalar Key, YamlTree Value)> Entries) : YamlTree(At);
