using System.Text;

namespace Transcoder.Codecs.Libav;

/// <summary>Options for one encoder as FFmpeg reads them. Entries with the same "…-params" key are parts of one list and are joined.</summary>
internal sealed class EncoderOptions
{
    private readonly List<KeyValuePair<string, string>> _entries = [];
    private readonly List<string> _leftOut = [];

    /// <summary>The shim's form: a "key=value" line each.</summary>
    public string Text => Join('\n');

    public IReadOnlyList<KeyValuePair<string, string>> Entries => _entries;

    /// <param name="entry">"key=value"; only the first "=" divides.</param>
    public void Add(string entry)
    {
        var divider = entry.IndexOf('=', StringComparison.Ordinal);
        var key = entry[..divider];
        var value = entry[(divider + 1)..];
        var at = _entries.FindIndex(e => e.Key == key);
        if (at < 0)
        {
            _entries.Add(new(key, value));
        }
        else
        {
            _entries[at] = new(key, key.EndsWith("-params", StringComparison.Ordinal) ? $"{_entries[at].Value}:{value}" : value);
        }
    }

    /// <summary>Something was asked for that this encoder has not: said where the options are shown.</summary>
    public void LeaveOut(string what) => _leftOut.Add(what);

    public override string ToString() => _leftOut.Count == 0 ? Join(' ') : $"{Join(' ')} (without {string.Join(", ", _leftOut)}, which it has not)";

    private string Join(char separator)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in _entries)
        {
            text.Append(text.Length > 0 ? separator.ToString() : "").Append(key).Append('=').Append(value);
        }

        return text.ToString();
    }
}
