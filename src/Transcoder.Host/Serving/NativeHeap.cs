using System.Runtime.InteropServices;

namespace Transcoder.Host.Serving;

/// <summary>
/// The C library's heap, malloc(3). It gives each thread an arena of its own, none of which it gives back: the just-in-time compiler needs a megabyte now and then, on whichever thread
/// it is that time, and so a daemon grew by one for each of its threads over the hours. Nothing here allocates from it for each packet, so that nobody waits for another.
/// </summary>
internal static class NativeHeap
{
    private const int ArenaMax = -8;

    /// <summary>Threads that begin from now on share what arenas there are. Where the C library is another, nothing changes.</summary>
    public static void Share()
    {
        try
        {
            _ = SetOption(ArenaMax, 1);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has one heap.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int option, int value);
}
