using System.Diagnostics;
using System.Globalization;
using Transcoder.Testing.Fuzzing;

namespace Transcoder.Fuzz.Hunting;

/// <summary>
/// Changes inputs of the corpus and runs them, in this process, for a while; keeps those that go where none went before. What throws is written down and the hunt
/// goes on; what hangs or kills the process ends it.
/// </summary>
/// <param name="folder">Holds <c>corpus/TARGET</c>, and gets <c>failures/TARGET</c> and <c>current/TARGET</c>.</param>
internal sealed class Hunt(FuzzTarget target, TimeSpan time, string folder)
{
    public const int Failed = 1;
    public const int Hung = 2;

    // Less than a thread has by default: a parser that calls itself for each level of its input meets the end sooner.
    private const int StackSize = 512 << 10;

    private readonly string _failures = Path.Combine(folder, "failures", target.Name);
    private readonly HashSet<string> _known = [];
    private readonly EdgeMap _map = new();
    private readonly Random _random = new();
    private long _executions;
    private long _crashes;
    private int _outcome;
    private Watchdog _watchdog = null!;
    private CurrentInput _current = null!;
    private Corpus _corpus = null!;

    public int Run()
    {
        var thread = new Thread(RunHere, StackSize);
        thread.Start();
        thread.Join();
        return _outcome;
    }

    private void RunHere()
    {
        Directory.CreateDirectory(Path.Combine(folder, "current"));
        using var current = _current = new CurrentInput(Path.Combine(folder, "current", target.Name));
        _watchdog = new Watchdog();
        _watchdog.Start(problem =>
        {
            Corpus.Save(_failures, CurrentInput.Read(Path.Combine(folder, "current", target.Name)));
            Report(hangs: 1);
            Console.WriteLine($"{target.Name}: {problem}");
            Environment.Exit(Hung);
        });
        var seeds = Path.Combine(folder, "corpus", target.Name);
        _corpus = new Corpus(seeds, _random);
        byte[][] inputs = [.. Saved(seeds), .. Saved(_failures)];

        // Once without looking: what the runtime does at a method's first call is nothing that an input did.
        foreach (var input in inputs)
        {
            Execute(input);
        }

        foreach (var input in inputs)
        {
            Try(input, isSeed: true);
        }

        if (_corpus.Count == 0)
        {
            Console.WriteLine($"{target.Name}: nothing is reached: there are no inputs in {seeds}, or the parsers beside this program are not instrumented");
            _outcome = Failed;
            return;
        }

        var words = Mutator.Words(Path.Combine(AppContext.BaseDirectory, "words.dict"));
        var mutator = new Mutator(words, IShape.Of(target.Name), _random);
        while (_watchdog.Elapsed < time)
        {
            var input = _corpus.Next();
            for (var turns = _corpus.Turns(input); turns > 0 && _watchdog.Elapsed < time; turns--)
            {
                mutator.Change(input.Bytes, _corpus.Any().Bytes);
                Try(mutator.Bytes, isSeed: false);
            }
        }

        Report(hangs: 0);
        _outcome = _crashes == 0 ? 0 : Failed;
    }

    private static IEnumerable<byte[]> Saved(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder).Select(File.ReadAllBytes).Where(static bytes => bytes.Length <= Mutator.Longest).OrderBy(static bytes => bytes.Length)
        : [];

    private void Try(ReadOnlySpan<byte> bytes, bool isSeed)
    {
        var started = Stopwatch.GetTimestamp();
        if (!Execute(bytes) || !_map.TakeNews())
        {
            return;
        }

        var cost = Stopwatch.GetTimestamp() - started;
        var kept = isSeed ? bytes.ToArray() : Shortened(bytes.ToArray());
        Execute(kept);
        _corpus.Add(new Input(kept, cost), _map.Passed());
    }

    /// <summary>Without the blocks that change nothing about the way through the program.</summary>
    private byte[] Shortened(byte[] bytes)
    {
        Execute(bytes);
        var way = _map.Way();
        for (var block = bytes.Length / 4; block > 0; block /= block > 64 ? 4 : 2)
        {
            for (var at = 0; at + block <= bytes.Length;)
            {
                byte[] shorter = [.. bytes.AsSpan(0, at), .. bytes.AsSpan(at + block)];
                if (Execute(shorter) && _map.Way() == way)
                {
                    bytes = shorter;
                }
                else
                {
                    at += block;
                }

                if (bytes.Length / block > 256)
                {
                    return bytes;
                }
            }
        }

        return bytes;
    }

    private bool Execute(ReadOnlySpan<byte> bytes)
    {
        _current.Write(bytes);
        _watchdog.Next();
        _executions++;
        _map.Clear();
        try
        {
            target.Run(bytes);
            return true;
        }
        catch (Exception exception)
        {
            _crashes++;
            WriteDown(bytes, exception);
            return false;
        }
    }

    /// <summary>One input for each kind of failure and place; the rest is the same again.</summary>
    private void WriteDown(ReadOnlySpan<byte> bytes, Exception exception)
    {
        var place = string.Join('\n', (exception.StackTrace ?? "").Split('\n').Take(4));
        if (_known.Add($"{exception.GetType()}{place}"))
        {
            Corpus.Save(_failures, bytes);
            Console.WriteLine($"{target.Name}: {exception}");
        }
    }

    private void Report(int hangs)
    {
        var seconds = _watchdog.Elapsed.TotalSeconds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{target.Name}: {seconds:0} s, {_executions} executions ({_executions / seconds:0}/s), {_map.Edges} edges, {_corpus.Count} inputs, {_crashes} crashes ({_known.Count} kinds), {hangs} hangs, peak heap {_watchdog.PeakHeap >> 20} MiB"));
    }
}
