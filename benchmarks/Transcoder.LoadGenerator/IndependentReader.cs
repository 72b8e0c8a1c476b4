using System.Diagnostics;
using System.Globalization;

namespace Transcoder.LoadGenerator;

/// <summary>
/// ffprobe plays the same stream from the same server in the same run, and its list of packets is compared with what a player of ours noted down: that the
/// generator's reader, which shares code with the server, has not made up what it counts.
/// </summary>
internal sealed class IndependentReader : IDisposable
{
    // Fewer prove nothing: about a second of pictures and sound.
    private const int Fewest = 64;

    private readonly Process _process;
    private readonly Task<string> _output;

    private IndependentReader(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
    }

    public static IndependentReader Start(string url)
    {
        string[] arguments = ["-v", "quiet", "-show_entries", "packet=codec_type,size", "-of", "csv=p=0", url];
        return new IndependentReader(Process.Start(new ProcessStartInfo("ffprobe", arguments) { RedirectStandardOutput = true })!);
    }

    public void Stop()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }
    }

    /// <param name="viewer">One that has recorded since before ffprobe joined.</param>
    /// <returns>Whether ffprobe was sent the same, and a sentence for the table.</returns>
    public async Task<(bool IsSame, string Sentence)> CompareAsync(Viewer viewer)
    {
        Stop();
        await _process.WaitForExitAsync();

        // The last line may be cut.
        var lines = (await _output).Split('\n', StringSplitOptions.RemoveEmptyEntries).SkipLast(1);
        var seen = lines.Select(line => line.Split(',')).Where(fields => fields is ["video" or "audio", _]).Select(fields => (fields[0], int.Parse(fields[1], CultureInfo.InvariantCulture)));
        return Compare(seen, viewer.Record());
    }

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    /// <summary>
    /// Looks for one list in the other, from its first picture on: nginx lets a player hear before it sees. Where a reader joined says the content, not the clock, which
    /// servers change. Ours is cut off last, so all of ffprobe's is there to be found, in one piece and in order.
    /// </summary>
    internal static (bool IsSame, string Sentence) Compare(IEnumerable<(string Kind, int Bytes)> seen, (string Kind, int Bytes)[] noted)
    {
        var wanted = seen.SkipWhile(packet => packet.Kind != "video").ToArray();
        if (wanted.Length < Fewest)
        {
            return (false, $"ffprobe saw only {wanted.Length} packets");
        }

        var longest = 0;
        for (var start = 0; start < noted.Length && longest < wanted.Length; start++)
        {
            longest = Math.Max(longest, noted.AsSpan(start).CommonPrefixLength(wanted));
        }

        return longest == wanted.Length
            ? (true, $"ffprobe and a player read the same {longest} packets, {wanted.Sum(packet => (long)packet.Bytes)} bytes")
            : (false, $"ffprobe read {wanted.Length} packets, of which a player has the first {longest} in this order");
    }
}
