namespace Transcoder.Host.Verbs;

/// <summary>The command line can't be understood; the message says what is wrong.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>
/// The words after a verb: <c>--name VALUE</c> or <c>--name=VALUE</c> for options, <c>--name</c> for switches, the rest in order; <c>--</c> ends
/// options. Strict: what the verb doesn't know is an error.
/// </summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);
    private readonly List<string> _words = [];

    /// <param name="options">Names that take a value, with their dashes.</param>
    /// <param name="switches">Names that take none.</param>
    /// <param name="words">What the other words are called, in order; one that ends in ? may be left out.</param>
    /// <exception cref="UsageException">Something is unknown, missing, doubled or too much.</exception>
    public Arguments(string[] arguments, string[] options, string[] switches, string[] words)
    {
        var onlyWords = false;
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            if (onlyWords || argument is "-" || !argument.StartsWith('-'))
            {
                _words.Add(argument);
                continue;
            }

            if (argument == "--")
            {
                onlyWords = true;
                continue;
            }

            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? argument : argument[..equals];
            string value;
            if (options.Contains(name))
            {
                value = equals >= 0 ? argument[(equals + 1)..] : ++i < arguments.Length ? arguments[i] : throw new UsageException($"{name} needs a value");
            }
            else if (switches.Contains(name) && equals < 0)
            {
                value = string.Empty;
            }
            else
            {
                throw new UsageException(switches.Contains(name) ? $"{name} takes no value" : $"{name} is not an option");
            }

            if (!_options.TryAdd(name, value))
            {
                throw new UsageException($"{name} is given twice");
            }
        }

        if (_words.Count < words.Count(w => !w.EndsWith('?')))
        {
            throw new UsageException($"{words[_words.Count]} is missing");
        }

        if (_words.Count > words.Length)
        {
            throw new UsageException($"{_words[words.Length]} is one word too many");
        }
    }

    public string? this[string option] => _options.GetValueOrDefault(option);

    public bool Has(string name) => _options.ContainsKey(name);

    public string Word(int index) => _words[index];

    public string? WordOrNull(int index) => index < _words.Count ? _words[index] : null;
}
