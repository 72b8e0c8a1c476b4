using System.Globalization;
using System.Runtime.InteropServices;
using dnlib.DotNet;
using dnlib.DotNet.Emit;
using SharpFuzz.Common;
using Transcoder.Testing.Fuzzing;

namespace Transcoder.Fuzz.Hunting;

/// <summary>
/// How many of the blocks between two branches the inputs of a corpus reach, of those in the types that they enter at all. For a copy that is instrumented with a
/// call at each block (SHARPFUZZ_ENABLE_ON_BRANCH_CALLBACK): in the hunt's map blocks have no names.
/// </summary>
internal static class Coverage
{
    public static void Report(FuzzTarget target, string folder)
    {
        var reached = Reach(target, Path.Combine(folder, "corpus", target.Name));
        var all = Blocks();
        var types = reached.Keys.Where(all.ContainsKey).ToArray();
        var (some, most) = (types.Sum(type => reached[type].Count), types.Sum(type => all[type]));
        foreach (var type in types.OrderByDescending(type => all[type] - reached[type].Count).Take(10))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {type}: {reached[type].Count} of {all[type]}"));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target.Name}: {some} of the {most} blocks ({100.0 * some / most:0.0} %) of the {types.Length} types that it enters"));
    }

    private static Dictionary<string, HashSet<int>> Reach(FuzzTarget target, string corpus)
    {
        Dictionary<string, HashSet<int>> reached = [];
        Trace.OnBranch = (block, method) =>
        {
            // A session's clocks run on other threads.
            lock (reached)
            {
                ref var blocks = ref CollectionsMarshal.GetValueRefOrAddDefault(reached, TypeOf(method), out _);
                (blocks ??= []).Add(block);
            }
        };
        foreach (var file in Directory.EnumerateFiles(corpus))
        {
            try
            {
                target.Run(File.ReadAllBytes(file));
            }
            catch (Exception)
            {
                // The hunt has told of it.
            }
        }

        Trace.OnBranch = static (_, _) => { };
        lock (reached)
        {
            return reached;
        }
    }

    private static Dictionary<string, int> Blocks()
    {
        Dictionary<string, int> blocks = [];
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "Transcoder*.dll", new EnumerationOptions { MatchCasing = MatchCasing.CaseInsensitive }))
        {
            using var module = ModuleDefMD.Load(file);
            foreach (var method in module.GetTypes().SelectMany(static type => type.Methods).Where(static method => method.HasBody))
            {
                var count = method.Body.Instructions.Count(one => one.OpCode == OpCodes.Ldsfld && one.Operand is IField { Name.String: nameof(Trace.SharedMem) });
                if (count > 0)
                {
                    var type = TypeOf(method.FullName);
                    blocks[type] = blocks.GetValueOrDefault(type) + count;
                }
            }
        }

        // What the compiler puts there has the same name in every assembly.
        blocks.Remove("<PrivateImplementationDetails>");
        return blocks;
    }

    /// <summary>The outermost type of <c>ReturnType Namespace.Type/Nested::Method(…)</c>.</summary>
    private static string TypeOf(string method)
    {
        var type = method.AsSpan(0, method.IndexOf("::", StringComparison.Ordinal));
        type = type[(type.LastIndexOf(' ') + 1)..];
        return (type.Contains('/') ? type[..type.IndexOf('/')] : type).ToString();
    }
}
