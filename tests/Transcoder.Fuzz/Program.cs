using System.Globalization;
using SharpFuzz;
using Transcoder.Fuzz;
using Transcoder.Fuzz.Hunting;
using Transcoder.Testing.Fuzzing;

// list                      the targets
// instrument FILE...        adds the coverage counters to assemblies, in place
// seeds FOLDER              writes the seeds of each target to FOLDER/TARGET
// hunt TARGET SECONDS FOLDER   in the instrumented copy: looks for inputs that fail (Hunt)
// rescue TARGET FOLDER      keeps the input at which a hunt's process died
// cover TARGET FOLDER       in the copy with calls: how much of the code the corpus reaches
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
    case ["hunt", var name, var seconds, var folder] when Find(name) is { } target:
        return new Hunt(target, TimeSpan.FromSeconds(Number(seconds)), folder).Run();
    case ["rescue", var name, var folder]:
        Corpus.Save(Path.Combine(folder, "failures", name), CurrentInput.Read(Path.Combine(folder, "current", name)));
        return 0;
    case ["cover", var name, var folder] when Find(name) is { } target:
        Coverage.Report(target, folder);
        return 0;
    case ["replay", var name, .. var paths] when Find(name) is { } target:
        return Replay(target, paths);
    case ["record", var from, var to, var prefix, var longest]:
        await RecordingProxy.RunAsync(Number(from), Number(to), prefix, Number(longest));
        return 0;
    default:
        Console.Error.WriteLine("usage: list | instrument FILE... | seeds FOLDER | hunt TARGET SECONDS FOLDER | rescue TARGET FOLDER | cover TARGET FOLDER | replay TARGET PATH... | record FROM TO PREFIX N");
        return 64;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static FuzzTarget? Find(string name) => FuzzTarget.All.FirstOrDefault(target => target.Name == name);

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
