using System.Diagnostics;
using System.Globalization;

namespace Transcoder.LoadGenerator;

/// <summary>
/// ffprobe plays the same stream from the same server in the same run, and its list of packets is compared with what was published: that the generator's own
/// reader, which shares code with the server, has not made up what it counts.
/// </summary>
internal sealed class IndependentReader : IDisposable
{
    private readonly Process _process;
    private readonly Task<string> _output;

    private IndependentReader(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
    }

    public static IndependentReader Start(string url)
    {
        string[] arguments = ["-v", "quiet", "-show_entries", "packet=codec_type,dts_time,size", "-of", "csv=p=0", url];
        return new IndependentReader(Process.Start(new ProcessStartInfo("ffprobe", arguments) { RedirectStandardOutput = true })!);
    }

    /// <returns>A sentence for the table.</returns>
    public async Task<string> CompareAsync(StampedPublisher publisher)
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        var lines = (await _output).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        // The last line may be cut.
        var seen = lines.SkipLast(1).Select(line => line.Split(',')).Where(fields => fields is [_, not "N/A", _])
            .Select(fields => (Kind: fields[0], Milliseconds: Math.Round(Number(fields[1]) * 1000), Bytes: (int)Number(fields[2]))).ToArray();
        if (seen.Length == 0)
        {
            return "ffprobe saw nothing";
        }

        var (first, last) = (seen.Min(packet => packet.Milliseconds), seen.Max(packet => packet.Milliseconds));

        // Of several packets at the first or the last time ffprobe may have had only some.
        seen = [.. seen.Where(packet => packet.Milliseconds > first && packet.Milliseconds < last)];
        var sent = publisher.SentBetween(first, last).ToArray();

        // Kinds and sizes as a whole: servers differ in the order of what has the same time.
        var same = sent.Order().SequenceEqual(seen.Select(packet => (packet.Kind, packet.Bytes)).Order());
        return same
            ? $"ffprobe read the same {seen.Length} packets, {seen.Sum(packet => (long)packet.Bytes)} bytes"
            : $"ffprobe read {seen.Length} packets, {seen.Sum(packet => (long)packet.Bytes)} bytes; {sent.Length} and {sent.Sum(packet => (long)packet.Bytes)} were sent";
    }

    public void Dispose() => _process.Dispose();

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
