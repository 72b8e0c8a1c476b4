namespace Transcoder.FunctionalTests.Appliance;

/// <summary>FFmpeg as the publisher.</summary>
internal static class Publishing
{
    /// <summary>In real time, over and over where <paramref name="loops"/> is more than 0 (-1: without end).</summary>
    public static ChildProcess Start(string clip, string url, int loops = 0, double? seconds = null) => ChildProcess.Start(
        "ffmpeg", ["-nostdin", "-hide_banner", "-v", "info", "-nostats", "-re", "-stream_loop", $"{loops}", "-i", clip, .. Limit(seconds), "-c", "copy", "-f", "flv", url]);

    /// <summary>As fast as it is taken.</summary>
    public static ChildProcess StartFast(string clip, string url) =>
        ChildProcess.Start("ffmpeg", "-nostdin", "-hide_banner", "-v", "error", "-i", clip, "-c", "copy", "-f", "flv", url);

    /// <summary>Ends as Ctrl-C does: with a goodbye to the server.</summary>
    public static async Task StopAsync(this ChildProcess publisher)
    {
        publisher.Signal(ChildProcess.SigInt);
        await publisher.ExitAsync();
    }

    private static IEnumerable<string> Limit(double? seconds) => seconds is { } limit ? ["-t", FormattableString.Invariant($"{limit}")] : [];
}
