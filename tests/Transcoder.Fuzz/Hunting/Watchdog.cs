using System.Diagnostics;
using System.Globalization;

namespace Transcoder.Fuzz.Hunting;

/// <summary>Looks at the hunting thread a few times a second. Counts its own looks rather than the clock: a process that was stopped did not hang meanwhile.</summary>
internal sealed class Watchdog
{
    // The machine may be busy with other things, so what counts is the thread's own time. What waits for something that never comes uses none.
    private static readonly TimeSpan MostCpu = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(200);
    private const int MostLooks = 600;

    private readonly string _statistics;
    private long _input;

    /// <summary>On the thread to watch.</summary>
    public Watchdog() => _statistics = $"/proc/{File.ResolveLinkTarget("/proc/thread-self", false)!.FullName["/proc/".Length..]}/stat";

    /// <summary>Time that passed while the process was not stopped.</summary>
    public TimeSpan Elapsed { get; private set; }

    public long PeakHeap { get; private set; }

    /// <summary>A new input begins.</summary>
    public void Next() => Volatile.Write(ref _input, _input + 1);

    public void Start(Action<string> hung)
    {
        var thread = new Thread(() => WatchToItsEnd(hung)) { IsBackground = true };
        thread.Start();
    }

    private void WatchToItsEnd(Action<string> hung)
    {
        try
        {
            Watch(hung);
        }
        catch (IOException)
        {
            // The thread has ended, and the kernel knows nothing of it any more.
        }
    }

    private void Watch(Action<string> hung)
    {
        var input = -1L;
        var looks = 0;
        var begun = TimeSpan.Zero;
        var last = Stopwatch.GetTimestamp();
        while (true)
        {
            Thread.Sleep(BetweenLooks);
            var now = Stopwatch.GetTimestamp();
            var passed = Stopwatch.GetElapsedTime(last, now);
            last = now;
            Elapsed += passed < TimeSpan.FromSeconds(2) ? passed : BetweenLooks;
            PeakHeap = Math.Max(PeakHeap, GC.GetTotalMemory(false));
            if (Volatile.Read(ref _input) is var current && current != input)
            {
                input = current;
                looks = 0;
                begun = Cpu();
            }
            else if (Cpu() - begun is var used && (used > MostCpu || ++looks > MostLooks))
            {
                hung(string.Create(CultureInfo.InvariantCulture, $"it did not end after {used.TotalSeconds:0.0} s of CPU"));
            }
        }
    }

    /// <summary>The thread's time, in the kernel's hundredths (proc(5)).</summary>
    private TimeSpan Cpu()
    {
        var fields = File.ReadAllText(_statistics);
        var behindName = fields[(fields.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromSeconds((long.Parse(behindName[11], CultureInfo.InvariantCulture) + long.Parse(behindName[12], CultureInfo.InvariantCulture)) / 100.0);
    }
}
