using System.Text;

namespace Transcoder.Codecs.Libav;

/// <summary>Options for one encoder as FFmpeg reads them. Entries with the same "…-params" key are parts of one list and are joined.</summary>
internal sealed class EncoderOptions
{
    private readonly List<KeyValuePair<string, string>> _entries = [];

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

    public override string ToString() => Join(' ');

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
