using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace Transcoder.Fuzz.Hunting;

/// <summary>
/// How often each edge between two blocks of the instrumented assemblies was passed, as AFL counts it: by the hash of both blocks, in steps of 1, 2, 3, 4, 8, 16,
/// 32 and 128, of which each is news once.
/// </summary>
internal sealed unsafe class EdgeMap
{
    public const int Size = 1 << 16;

    private static readonly byte[] Steps = [.. Enumerable.Range(0, 256).Select(StepOf)];

    private readonly byte* _counts = Trace.SharedMem;
    private readonly byte[] _seen = new byte[Size];

    /// <summary>Edges that were ever news.</summary>
    public int Edges { get; private set; }

    private Span<byte> Counts => new(_counts, Size);

    /// <summary>Instrumented code counts from its first line on, and what a target makes once runs before any input.</summary>
    [ModuleInitializer]
    public static void Prepare()
    {
        Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(Size);
        Trace.OnBranch = static (_, _) => { };
    }

    /// <summary>Before an input.</summary>
    public void Clear()
    {
        Counts.Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Whether the input passed an edge that none before it did, or one so often as none did.</summary>
    public bool TakeNews()
    {
        var words = MemoryMarshal.Cast<byte, ulong>(Counts);
        var news = false;
        for (var word = 0; word < words.Length; word++)
        {
            if (words[word] == 0)
            {
                continue;
            }

            for (var edge = word * sizeof(ulong); edge < (word + 1) * sizeof(ulong); edge++)
            {
                var step = Steps[_counts[edge]];
                if ((step & ~_seen[edge]) != 0)
                {
                    Edges += _seen[edge] == 0 ? 1 : 0;
                    _seen[edge] |= step;
                    news = true;
                }
            }
        }

        return news;
    }

    /// <summary>The edges of the last input.</summary>
    public IEnumerable<int> Passed()
    {
        for (var edge = 0; edge < Size; edge++)
        {
            if (CountOf(edge) != 0)
            {
                yield return edge;
            }
        }
    }

    /// <summary>The last input's way: the same for inputs that pass the same edges about as often.</summary>
    public ulong Way()
    {
        var way = 17UL;
        foreach (var edge in Passed())
        {
            way = (way * 6364136223846793005) + (ulong)((edge << 8) + Steps[CountOf(edge)]);
        }

        return way;
    }

    private static byte StepOf(int count) => count switch
    {
        0 => 0,
        <= 3 => (byte)(1 << (count - 1)),
        _ => (byte)(1 << (count < 8 ? 3 : count < 16 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7)),
    };

    private byte CountOf(int edge) => _counts[edge];
}
