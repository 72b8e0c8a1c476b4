using System.Security.Cryptography;

namespace Transcoder.Fuzz.Hunting;

/// <summary>One that went where none before it did.</summary>
/// <param name="Cost">What it takes to run, in timer ticks.</param>
internal sealed record Input(byte[] Bytes, long Cost)
{
    /// <summary>How many edges have no cheaper input.</summary>
    public int Best { get; set; }

    public int Rounds { get; set; }
}

/// <summary>The inputs that are worth changing, in memory and in a folder: each content once, under a name made of it.</summary>
internal sealed class Corpus(string folder, Random random)
{
    private readonly List<Input> _inputs = [];
    private readonly Input?[] _best = new Input?[EdgeMap.Size];
    private int _fresh;
    private long _cost;

    public int Count => _inputs.Count;

    public static void Save(string folder, ReadOnlySpan<byte> bytes)
    {
        var path = Path.Combine(folder, Convert.ToHexString(SHA256.HashData(bytes), 0, 8));
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(folder);
            File.WriteAllBytes(path, bytes);
        }
    }

    public void Add(Input input, IEnumerable<int> edges)
    {
        _inputs.Add(input);
        _cost += input.Cost;
        foreach (var edge in edges)
        {
            if (_best[edge] is not { } best || best.Cost * (best.Bytes.Length + 1) > input.Cost * (input.Bytes.Length + 1))
            {
                if (_best[edge] is { } beaten)
                {
                    beaten.Best--;
                }

                _best[edge] = input;
                input.Best++;
            }
        }

        Save(folder, input.Bytes);
    }

    /// <summary>The next to change: first each once, then mostly those that are the cheapest on some edge.</summary>
    public Input Next()
    {
        if (_fresh < _inputs.Count)
        {
            return _inputs[_fresh++];
        }

        var input = Any();
        for (var tries = 0; tries < 8 && input.Best == 0 && random.Next(20) > 0; tries++)
        {
            input = Any();
        }

        return input;
    }

    public Input Any() => _inputs[random.Next(_inputs.Count)];

    /// <summary>How many changes of it are tried in one go: more of what is cheap and of what is new.</summary>
    public int Turns(Input input) =>
        (int)Math.Clamp((input.Rounds++ == 0 ? 512 : 128) * (_cost / _inputs.Count) / Math.Max(input.Cost, 1), 32, 2048);
}
