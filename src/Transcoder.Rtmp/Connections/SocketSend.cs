using System.Runtime.InteropServices;

namespace Transcoder.Rtmp.Connections;

/// <summary>
/// send(2) itself. A packet is sent to each of a thousand players, and between the packet and the kernel each object of the way is a miss in the caches for each of them:
/// the runtime's socket is three more.
/// </summary>
internal static class SocketSend
{
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;

    /// <summary>Sends of the bytes what the kernel takes without waiting. No other send may be under way.</summary>
    /// <returns>How many: none where it would have to wait, or broke, which the socket's next send tells.</returns>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    public static int TrySend(SafeHandle socket, ReadOnlySpan<byte> bytes) =>
        (int)Math.Max(Send(socket, ref MemoryMarshal.GetReference(bytes), bytes.Length, DontWait | NoSignal), 0);

    [DllImport("libc", EntryPoint = "send")]
    private static extern nint Send(SafeHandle socket, ref byte first, nint length, int flags);
}
