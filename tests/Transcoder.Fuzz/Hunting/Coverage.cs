using System.Globalization;
using dnlib.DotNet;
using dnlib.DotNet.Emit;
using SharpFuzz.Common;
using Transcoder.Testing.Fuzzing;

namespace Transcoder.Fuzz.Hunting;

/// <summary>
/// How many of the blocks between two branches the inputs of a corpus reach, of those in the types and in the methods that they enter at all. For a copy that is
/// instrumented with a call at each block (SHARPFUZZ_ENABLE_ON_BRANCH_CALLBACK): in the hunt's map blocks have no names.
/// </summary>
internal static class Coverage
{
    private const int Shown = 8;

    public static void Report(FuzzTarget target, string folder)
    {
        var reached = Reach(target, Path.Combine(folder, "corpus", target.Name));
        var entered = reached.Keys.Select(TypeOf).ToHashSet(StringComparer.Ordinal);
        var methods = Methods().Where(method => entered.Contains(TypeOf(method.Name))).ToArray();
        var types = methods.GroupBy(static method => TypeOf(method.Name), (type, all) => (Type: type, Some: all.Sum(Some), Most: all.Sum(static one => one.Blocks))).ToArray();
        foreach (var (type, some, most) in types.OrderByDescending(static type => type.Most - type.Some).Take(Shown))
        {
            Console.WriteLine($"  {type}: {some} of {most}");
        }

        var blocks = types.Sum(static type => type.Some);
        Console.WriteLine(
            $"{target.Name}: {blocks} blocks, {Share(blocks, types.Sum(static type => type.Most))} of the {types.Length} types that it enters, " +
            $"{Share(blocks, methods.Where(method => Some(method) > 0).Sum(static method => method.Blocks))} of the methods");

        int Some((string Name, int Blocks) method) => reached.TryGetValue(method.Name, out var some) ? some.Count : 0;
    }

    private static string Share(int some, int most) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * some / most:0.0} %");

    private static Dictionary<string, HashSet<int>> Reach(FuzzTarget target, string corpus)
    {
        Dictionary<string, HashSet<int>> reached = [];
        Trace.OnBranch = (block, method) =>
        {
            // A session's clocks run on other threads.
            lock (reached)
            {
                if (!reached.TryGetValue(method, out var blocks))
                {
                    reached[method] = blocks = [];
                }

                blocks.Add(block);
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

    /// <summary>What is instrumented, and has no name that the compiler made up.</summary>
    private static IEnumerable<(string Name, int Blocks)> Methods()
    {
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "Transcoder*.dll", new EnumerationOptions { MatchCasing = MatchCasing.CaseInsensitive }))
        {
            using var module = ModuleDefMD.Load(file);
            foreach (var method in module.GetTypes().SelectMany(static type => type.Methods).Where(static method => method.HasBody))
            {
                var blocks = method.Body.Instructions.Count(static one => one.OpCode == OpCodes.Ldsfld && one.Operand is IField { Name.String: nameof(Trace.SharedMem) });
                if (blocks > 0 && TypeOf(method.FullName).StartsWith("Transcoder.", StringComparison.Ordinal))
                {
                    yield return (method.FullName, blocks);
                }
            }
        }
    }

    /// <summary>The outermost type of <c>ReturnType Namespace.Type/Nested::Method(…)</c>.</summary>
    private static string TypeOf(string method)
    {
        var type = method.AsSpan(0, method.IndexOf("::", StringComparison.Ordinal));
        type = type[(type.LastIndexOf(' ') + 1)..];
        return (type.Contains('/') ? type[..type.IndexOf('/')] : type).ToString();
    }
}
