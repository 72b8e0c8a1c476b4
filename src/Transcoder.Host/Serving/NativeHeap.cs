using System.Runtime.InteropServices;

namespace Transcoder.Host.Serving;

/// <summary>
/// The C library's heap, malloc(3), as a daemon of many threads and small needs wants it. The just-in-time compiler takes a megabyte of it now and then and frees it; by itself the
/// library has an arena for each thread that was ever the compiler's, and keeps what was freed. Nothing here allocates from it for each packet, so nobody waits for another.
/// </summary>
internal static class NativeHeap
{
    // mallopt(3).
    private const int TrimThreshold = -1;
    private const int ArenaMax = -8;

    // Free memory at an arena's end beyond this goes back. The library begins with the same, but raises it for good, up to 64 MiB, where a large block is freed.
    private const int KeptBytes = 128 << 10;

    /// <summary>Threads that begin from now on share what arenas there are.</summary>
    /// <returns>False where the C library has no such options: musl's heap is one anyway.</returns>
    public static bool KeepSmall()
    {
        try
        {
            return SetOption(ArenaMax, 1) != 0 && SetOption(TrimThreshold, KeptBytes) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int option, int value);
}
