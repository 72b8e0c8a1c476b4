using System.Text.Json;
using System.Text.Json.Nodes;

namespace Transcoder.Host.Configuration;

/// <summary>The schema as JSON Schema 2020-12: editors complete keys and mark mistakes while the operator types.</summary>
internal static class JsonSchemaWriter
{
    // Plain text for files and terminals: nothing here goes into a web page.
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write()
    {
        var root = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "transcoder.yaml",
        };
        foreach (var (name, value) in Schema(ConfigurationSchema.Root).ToList())
        {
            root[name] = value?.DeepClone();
        }

        return root.ToJsonString(Readable) + "\n";
    }

    private static JsonObject Schema(SchemaNode node) => node switch
    {
        ScalarNode scalar => Scalar(scalar),
        ListNode list => new JsonObject { ["type"] = "array", ["items"] = Schema(list.Item), ["minItems"] = list.Min, ["maxItems"] = list.Max },
        NamedNode named => new JsonObject
        {
            ["type"] = "object",
            ["propertyNames"] = new JsonObject { ["pattern"] = ScalarType.NamePattern },
            ["additionalProperties"] = Schema(named.Value),
            ["minProperties"] = named.Min,
        },
        _ => Object((ObjectNode)node),
    };

    private static JsonObject Object(ObjectNode node)
    {
        var properties = new JsonObject();
        foreach (var key in node.Keys)
        {
            var schema = Schema(key.Node);
            var range = key.Node is ScalarNode { Min: { } min, Max: { } max } ? $" From {min} to {max}." : string.Empty;
            schema["description"] = $"{key.Doc}{range} {key.Why}";
            if (key.Default is { } text)
            {
                schema["default"] = Value(key.Node, YamlTree.Parse(text, new ProblemList())!);
            }

            properties[key.Name] = schema;
        }

        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            ["required"] = new JsonArray([.. node.Keys.Where(k => k.Need == Need.Required).Select(k => (JsonNode)k.Name)]),
            ["additionalProperties"] = false,
        };
    }

    private static JsonObject Scalar(ScalarNode node)
    {
        var type = node.Type;
        var schema = new JsonObject
        {
            // Plain YAML numbers are numbers to an editor, also where we read text: bits a second, or a name such as 720.
            ["type"] = type == ScalarType.Bitrate || type == ScalarType.Text || type == ScalarType.Identifier
                ? new JsonArray("string", "integer")
                : type.Json,
        };
        if (type.Words is { } words && type.Json != "boolean")
        {
            schema["enum"] = new JsonArray([.. words.Select(word => Value(node, new YamlScalar(default, word, IsNull: false)))]);
        }

        if (type.Pattern is { } pattern)
        {
            schema["pattern"] = pattern;
        }

        if (type == ScalarType.EvenPixels)
        {
            schema["multipleOf"] = 2;
        }

        if (type.Json is "integer" or "number" && node.Min is { } min && node.Max is { } max)
        {
            schema["minimum"] = JsonNode.Parse(min);
            schema["maximum"] = JsonNode.Parse(max);
        }

        return schema;
    }

    private static JsonNode Value(SchemaNode node, YamlTree tree) => (node, tree) switch
    {
        (ListNode list, YamlList items) => new JsonArray([.. items.Items.Select(item => Value(list.Item, item))]),
        (ScalarNode { Type.Json: "integer" or "number" or "boolean" }, YamlScalar scalar) => JsonNode.Parse(scalar.Text)!,
        (_, YamlScalar scalar) => scalar.Text,
        _ => throw new InvalidOperationException("a default in the schema has the wrong shape"),
    };
}
