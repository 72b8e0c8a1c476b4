using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Devices;

/// <summary>A probe's report for people, and as JSON for scripts.</summary>
internal static class DeviceTable
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter<EngineKind>(JsonNamingPolicy.CamelCase), new CodecName() },
    };

    public static string Json(ProbeReport report) => JsonSerializer.Serialize(report, Readable) + "\n";

    public static string Text(ProbeReport report)
    {
        var text = new StringBuilder();
        foreach (var device in report.Devices)
        {
            text.Append($"{device.Id}  {device.Name}\n");
            Row("driver", $"{device.Driver}{(device.Address.Length > 0 ? $", {device.Address}" : "")}{(device.MemoryBytes > 0 ? FormattableString.Invariant($", {device.MemoryBytes / 1073741824.0:0.#} GiB") : "")}");
            foreach (var engine in Enum.GetValues<EngineKind>().Reverse())
            {
                var usable = device.Engines.Where(capability => capability.Engine == engine && capability.IsUsable).ToList();
                foreach (var kind in usable.GroupBy(capability => capability.Kind))
                {
                    Row(Word(engine), $"{kind.Key,-9} {string.Join(", ", kind.Select(One))}");
                }

                if (usable.Count == 0)
                {
                    Row(Word(engine), "none");
                }
            }

            foreach (var refused in device.Engines.Where(capability => !capability.IsUsable).GroupBy(capability => (capability.Engine, capability.Kind, capability.Refusal)))
            {
                Row("refused", $"{refused.Key.Kind} {Word(refused.Key.Engine)} {string.Join(", ", refused.Select(One))}: {refused.Key.Refusal}");
            }

            foreach (var finding in device.Findings)
            {
                Row("note", finding.ToString());
            }

            text.Append('\n');
        }

        foreach (var finding in report.Findings)
        {
            text.Append($"{finding}\n");
        }

        return text.ToString();

        void Row(string word, string facts) => text.Append($"  {word,-8} {facts}\n");
    }

    /// <summary>"h264 (to 4096x4096)", or "scale_cuda".</summary>
    public static string One(EngineCapability capability) =>
        $"{capability.Codec?.Name() ?? capability.Implementation}{(capability.MaxWidth > 0 ? FormattableString.Invariant($" (to {capability.MaxWidth}x{capability.MaxHeight})") : "")}";

    public static string Word(EngineKind engine) => engine switch { EngineKind.Decode => "decode", EngineKind.Scale => "scale", _ => "encode" };

    /// <summary>The words of the configuration file and the API.</summary>
    private sealed class CodecName : JsonConverter<CodecId>
    {
        public override CodecId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("the table is only written");

        public override void Write(Utf8JsonWriter writer, CodecId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name());
    }
}
