using System.Globalization;
using SharpFuzz;
using Transcoder.Fuzz;
using Transcoder.Testing.Fuzzing;

// list                      the targets
// instrument FILE...        adds the coverage counters to assemblies, in place
// seeds FOLDER              writes the seeds of each target to FOLDER/TARGET
// run TARGET LOG            under afl-fuzz: runs inputs until it is killed, and writes to LOG why one failed
// replay TARGET PATH...     runs the inputs in files and folders once, and says which fail
// record FROM TO PREFIX N   passes connections to port FROM on to port TO, and keeps the first N bytes of each in PREFIX-1.bin, PREFIX-1-answer.bin and on
switch (args)
{
    case ["list"]:
        Console.WriteLine(string.Join('\n', FuzzTarget.All.Select(static target => target.Name)));
        return 0;
    case ["instrument", .. var files]:
        foreach (var file in files)
        {
            var types = Fuzzer.Instrument(file, static _ => true, Options.Value);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)}: {types.Count()} types"));
        }

        return 0;
    case ["seeds", var folder]:
        Seeds.Write(folder);
        return 0;
    case ["run", var name, var log] when Find(name) is { } target:
        Fuzzer.OutOfProcess.Run(stream => Run(target, stream, log));
        return 0;
    case ["replay", var name, .. var paths] when Find(name) is { } target:
        return Replay(target, paths);
    case ["record", var from, var to, var prefix, var longest]:
        await RecordingProxy.RunAsync(Number(from), Number(to), prefix, Number(longest));
        return 0;
    default:
        Console.Error.WriteLine("usage: list | instrument FILE... | seeds FOLDER | run TARGET LOG | replay TARGET PATH... | record FROM TO PREFIX N");
        return 64;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static FuzzTarget? Find(string name) => FuzzTarget.All.FirstOrDefault(target => target.Name == name);

static void Run(FuzzTarget target, Stream stream, string log)
{
    using var input = new MemoryStream();
    stream.CopyTo(input);
    try
    {
        target.Run(input.GetBuffer().AsSpan(0, (int)input.Length));
    }
    catch (Exception exception)
    {
        File.AppendAllText(log, $"{Convert.ToBase64String(input.GetBuffer(), 0, (int)input.Length)}\n{exception}\n\n");
        throw;
    }
}

static int Replay(FuzzTarget target, string[] paths)
{
    var failed = 0;
    var files = paths.SelectMany(static path => Directory.Exists(path) ? Directory.EnumerateFiles(path) : [path]).ToArray();
    foreach (var file in files)
    {
        try
        {
            target.Run(File.ReadAllBytes(file));
        }
        catch (Exception exception)
        {
            failed++;
            Console.WriteLine($"{file}: {exception}");
        }
    }

    Console.WriteLine($"{target.Name}: {files.Length} inputs, {failed} fail");
    return failed == 0 ? 0 : 1;
}
