using System.Globalization;
using SharpFuzz;
using Transcoder.Fuzz;
using Transcoder.Testing.Fuzzing;

// list                      the targets
// instrument FILE...        adds the coverage counters to assemblies, in place
// seeds FOLDER              writes the seeds of each target to FOLDER/TARGET
// run TARGET                under afl-fuzz: runs inputs until it is killed
// replay TARGET PATH...     runs the inputs in files and folders once, and says which fail
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
    case ["run", var name] when Find(name) is { } target:
        var room = new MemoryStream();
        Fuzzer.OutOfProcess.Run(stream =>
        {
            room.SetLength(0);
            stream.CopyTo(room);
            target.Run(room.GetBuffer().AsSpan(0, (int)room.Length));
        });
        return 0;
    case ["replay", var name, .. var paths] when Find(name) is { } target:
        return Replay(target, paths);
    default:
        Console.Error.WriteLine("usage: list | instrument FILE... | seeds FOLDER | run TARGET | replay TARGET PATH...");
        return 64;
}

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
