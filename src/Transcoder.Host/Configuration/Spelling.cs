namespace Transcoder.Host.Configuration;

/// <summary>Guesses which of some words was meant.</summary>
internal static class Spelling
{
    /// <summary>Words that people use for ours and that no spelling rule finds.</summary>
    private static readonly Dictionary<string, string> Synonyms = (
        "h265=hevc x265=hevc h.265=hevc libx265=hevc avc=h264 x264=h264 h.264=h264 libx264=h264 yes=true on=true no=false off=false " +
        "info=information warn=warning cpu=software intel=qsv nvidia=nvenc fps=max_fps frame_rate=max_fps framerate=max_fps " +
        "gop=keyframe_interval key=keys bframes=b_frames stream=source")
        .Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);

    public static string Advice(string written, IEnumerable<string> words)
    {
        var list = words.Distinct().ToList();
        return Nearest(written, list) is { } nearest ? $"write {nearest}" : list.Count > 0 ? $"write one of {string.Join(", ", list)}" : string.Empty;
    }

    public static string? Nearest(string written, IReadOnlyCollection<string> words)
    {
        var plain = Plain(written);
        if (Synonyms.TryGetValue(plain, out var ours) && words.Contains(ours))
        {
            return ours;
        }

        var best = words.Select(word => (Word: word, Distance: Distance(plain, Plain(word)))).OrderBy(w => w.Distance).FirstOrDefault();
        return best.Word is not null && best.Distance <= Math.Max(1, plain.Length / 3) ? best.Word : null;
    }

    private static string Plain(string text) => text.Length > 64 ? text[..64].ToLowerInvariant() : text.ToLowerInvariant().Replace('-', '_');

    /// <summary>Optimal string alignment: an insertion, a deletion, a change and a swap of neighbours cost one each.</summary>
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }

                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }
}
