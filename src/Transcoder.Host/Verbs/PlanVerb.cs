using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Transcoder.Host.Api;
using Transcoder.Host.Configuration;

namespace Transcoder.Host.Verbs;

/// <summary>
/// <c>transcoder plan</c>: asks the running daemon where a ladder's encoders would go. Only the daemon knows what runs, so there is no answer without one.
/// </summary>
internal static partial class PlanVerb
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public static Verb Plan(TextWriter output, TextWriter errors) => new(
        "plan", "--ladder NAME --source WxH@FPS [--codec C] [--config FILE] [--json]", "Ask the running daemon where a ladder would be encoded, at what cost, or why not.", async arguments =>
        {
            var parsed = new Arguments(arguments, ["--ladder", "--source", "--codec", "--config"], ["--json"], []);
            var ladder = parsed["--ladder"] ?? throw new UsageException("--ladder is missing");
            if (Source().Match(parsed["--source"] ?? "") is not { Success: true } shape)
            {
                throw new UsageException("--source is a size and a rate, as in 1920x1080@60");
            }

            if (await ConfigVerbs.LoadAsync(parsed["--config"] ?? ConfigurationFile.DefaultPath, errors) is not { } options)
            {
                return ExitCode.Usage;
            }

            var source = new PlanSource(Number(shape, 1), Number(shape, 2), double.Parse(shape.Groups[3].ValueSpan, CultureInfo.InvariantCulture), parsed["--codec"] ?? "h264");
            return await AskAsync(options, new PlanQuestion(ladder, source), parsed.Has("--json"), output, errors);
        });

    private static async Task<int> AskAsync(TranscoderOptions options, PlanQuestion question, bool json, TextWriter output, TextWriter errors)
    {
        var at = options.Server.Http.Listen;
        var host = at.Address.Equals(System.Net.IPAddress.Any) ? System.Net.IPAddress.Loopback : at.Address.Equals(System.Net.IPAddress.IPv6Any) ? System.Net.IPAddress.IPv6Loopback : at.Address;
        using var client = new HttpClient { Timeout = Deadline };
        try
        {
            using var response = await client.PostAsJsonAsync($"http://{new System.Net.IPEndPoint(host, at.Port)}/api/v1/plan", question, Json);
            var body = await response.Content.ReadAsStringAsync();
            if (!response.IsSuccessStatusCode)
            {
                await errors.WriteLineAsync($"transcoder plan: {body.Trim()}");
                return ExitCode.Failure;
            }

            await output.WriteAsync(json ? body + "\n" : Table(JsonSerializer.Deserialize<PlanView>(body, Json)!));
            return ExitCode.Success;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            await errors.WriteLineAsync($"transcoder plan: no daemon answers on {at}: {e.Message}. Start it with transcoder serve; it alone knows what runs.");
            return ExitCode.Failure;
        }
    }

    internal static string Table(PlanView plan)
    {
        var lines = new List<string> { $"decode on {string.Join(", else ", plan.Decoders.Select(decoder => $"{decoder.Device} ({decoder.Kind})"))}" };
        foreach (var rendition in plan.Renditions)
        {
            var shape = rendition.Width is null ? "" : string.Create(CultureInfo.InvariantCulture, $" {rendition.Width}x{rendition.Height} at {rendition.FrameRate:0.##}, {rendition.Preset}");
            lines.Add($"{rendition.Name}{shape}: {(rendition.Device is null ? "not made" : $"{rendition.Device} ({rendition.Kind})")}");
            lines.Add($"    {rendition.Reason.Code}: {rendition.Reason.Detail}");
            lines.AddRange(rendition.Places.Select(place =>
            {
                var cost = place.Cost is { } value ? string.Create(CultureInfo.InvariantCulture, $"cost {value:0.####}") : "not weighed";
                return $"    {place.Device,-40} {place.Name,-24} {cost,-14} {(place.Refusal is { } refusal ? $"no: {refusal.Code}: {refusal.Detail}" : "yes")}".TrimEnd();
            }));
        }

        return string.Join("\n", lines) + "\n";
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^([0-9]{1,5})x([0-9]{1,5})@([0-9]{1,3}(?:\.[0-9]+)?)$")]
    private static partial Regex Source();
}
