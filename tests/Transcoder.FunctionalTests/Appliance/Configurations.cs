namespace Transcoder.FunctionalTests.Appliance;

/// <summary>YAML for <see cref="RunningAppliance"/>: light ladders that two cores encode beside everything else.</summary>
internal static class Configurations
{
    public const string LightRung = "{ name: 180p, video: { codec: h264, height: 180, bitrate: 200k, preset: ultrafast }, audio: { codec: aac, bitrate: 64k } }";

    public const string SecondRung = "{ name: 240p, video: { codec: h264, height: 240, bitrate: 300k, preset: ultrafast }, audio: { codec: aac, bitrate: 64k } }";

    /// <summary>Two rungs that share one audio setting.</summary>
    public const string TwoRungs = $"ladders:\n  light:\n    - {SecondRung}\n    - {LightRung}\n";

    public const string OneRung = $"ladders:\n  light:\n    - {LightRung}\n";

    /// <param name="ladder">One of the constants above.</param>
    /// <param name="app">More keys of the application, each on a line of its own.</param>
    public static string Live(string ladder, params string[] app) =>
        $"{ladder}apps:\n  live:\n    ladder: light\n{string.Concat(app.Select(line => $"    {line}\n"))}";
}
