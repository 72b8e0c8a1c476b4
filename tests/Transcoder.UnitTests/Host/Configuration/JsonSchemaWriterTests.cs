using System.Text.Json;
using System.Text.RegularExpressions;
using Transcoder.Host.Configuration;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

public sealed class JsonSchemaWriterTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(JsonSchemaWriter.Write()).RootElement;

    [Fact]
    public void It_names_its_dialect_and_closes_every_object()
    {
        Assert.Equal("https://json-schema.org/draft/2020-12/schema", Schema.GetProperty("$schema").GetString());
        Assert.All(Objects(Schema), o => Assert.Equal(JsonValueKind.False, o.GetProperty("additionalProperties").ValueKind));
    }

    [Fact]
    public void Every_key_is_described() =>
        Assert.All(Objects(Schema).SelectMany(o => o.GetProperty("properties").EnumerateObject()), p => Assert.NotEmpty(p.Value.GetProperty("description").GetString()!));

    [Fact]
    public void Every_default_matches_its_own_pattern_and_words()
    {
        foreach (var key in Objects(Schema).SelectMany(o => o.GetProperty("properties").EnumerateObject()).Where(p => p.Value.TryGetProperty("default", out _)))
        {
            var value = key.Value.GetProperty("default");
            if (key.Value.TryGetProperty("pattern", out var pattern))
            {
                Assert.Matches(new Regex(pattern.GetString()!), value.ToString());
            }

            if (key.Value.TryGetProperty("enum", out var words))
            {
                Assert.Contains(value.ToString(), words.EnumerateArray().Select(w => w.ToString()));
            }
        }
    }

    [Fact]
    public void Sizes_are_even_and_sample_rates_are_numbers()
    {
        var rendition = Schema.GetProperty("properties").GetProperty("ladders").GetProperty("additionalProperties").GetProperty("items").GetProperty("properties");
        Assert.Equal(2, rendition.GetProperty("video").GetProperty("properties").GetProperty("height").GetProperty("multipleOf").GetInt32());
        Assert.Equal(48000, rendition.GetProperty("audio").GetProperty("properties").GetProperty("sample_rate").GetProperty("enum")[0].GetInt32());
    }

    private static IEnumerable<JsonElement> Objects(JsonElement schema)
    {
        if (schema.TryGetProperty("properties", out var properties))
        {
            yield return schema;
            foreach (var inner in properties.EnumerateObject().SelectMany(p => Objects(p.Value)))
            {
                yield return inner;
            }
        }

        foreach (var name in new[] { "items", "additionalProperties" })
        {
            if (schema.TryGetProperty(name, out var below) && below.ValueKind == JsonValueKind.Object)
            {
                foreach (var inner in Objects(below))
                {
                    yield return inner;
                }
            }
        }
    }
}
