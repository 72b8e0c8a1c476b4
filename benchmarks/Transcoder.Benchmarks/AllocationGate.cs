using System.Reflection;
using System.Text.Json;
using BenchmarkDotNet.Attributes;

namespace Transcoder.Benchmarks;

/// <summary>
/// Runs every benchmark some thousand times without statistics and compares the bytes it allocates per operation with those that are written down. An operation
/// that is not written down, or no longer exists, fails as well.
/// </summary>
internal static class AllocationGate
{
    // Pools fill and queues reach their size; the JIT compiles what it will.
    private const int WarmUp = 2_000;

    // What the pool's threads do is counted too, and with it what the runtime allocates for itself: some KiB at a time, which is less than a byte each of so many.
    private const int Invocations = 20_000;

    // No object is smaller than 24 bytes.
    private const double Noise = 1;

    public static int Run(string file, TextWriter output)
    {
        var expected = JsonSerializer.Deserialize<SortedDictionary<string, double>>(File.ReadAllText(file))!;
        var failures = 0;
        foreach (var (name, bytes) in Measure())
        {
            if (!expected.Remove(name, out var limit))
            {
                output.WriteLine($"{name}: {bytes:0.##} bytes an operation, and {file} does not have it");
                failures++;
            }
            else if (bytes >= limit + Noise)
            {
                output.WriteLine($"{name}: {bytes:0.##} bytes an operation, expected at most {limit:0.##}");
                failures++;
            }
            else
            {
                output.WriteLine($"{name}: {bytes:0.##}");
            }
        }

        foreach (var name in expected.Keys)
        {
            output.WriteLine($"{name} is in {file} and there is no such benchmark");
            failures++;
        }

        output.WriteLine(failures == 0 ? "allocations: good" : $"allocations: {failures} wrong");
        return failures == 0 ? 0 : 1;
    }

    private static IEnumerable<(string Name, double Bytes)> Measure()
    {
        // First, while nobody's garbage is there to go. It runs the server, not an operation.
        yield return ("IdlePlayers.ManagedBytesEach", Rtmp.IdlePlayers.MeasureAsync().GetAwaiter().GetResult());
        foreach (var type in typeof(AllocationGate).Assembly.GetTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            foreach (var method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            {
                if (method.GetCustomAttribute<BenchmarkAttribute>() is { } benchmark)
                {
                    yield return ($"{type.Name}.{method.Name}", Measure(type, method) / benchmark.OperationsPerInvoke);
                }
            }
        }
    }

    private static double Measure(Type type, MethodInfo method)
    {
        var instance = Activator.CreateInstance(type)!;
        InvokeMarked<GlobalSetupAttribute>(instance);
        var operation = method.CreateDelegate<Action>(instance);
        Repeat(operation, WarmUp);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Repeat(operation, Invocations);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        InvokeMarked<GlobalCleanupAttribute>(instance);
        return (double)allocated / Invocations;
    }

    private static void Repeat(Action operation, int times)
    {
        for (var i = 0; i < times; i++)
        {
            operation();
        }
    }

    private static void InvokeMarked<T>(object instance) where T : Attribute
    {
        foreach (var method in instance.GetType().GetMethods().Where(method => method.GetCustomAttribute<T>() is not null))
        {
            method.Invoke(instance, []);
        }
    }
}
