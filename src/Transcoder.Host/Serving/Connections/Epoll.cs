using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Transcoder.Host.Serving.Connections;

/// <summary>epoll(7), level-triggered: which of many sockets have something to be read, again and again until it has been read. Safe from any thread, but one waits at a time.</summary>
internal sealed class Epoll : SafeHandleMinusOneIsInvalid
{
    private const int CloseOnExec = 0x80000;
    private const int OperationAdd = 1;
    private const int OperationDelete = 2;
    private const int EventIn = 1;
    private const int Interrupted = 4;

    // struct epoll_event is a 32-bit mask and 64 bits of the caller's; on x86-64 it is packed.
    private static readonly bool IsPacked = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int Words = IsPacked ? 3 : 4;
    private static readonly int Data = IsPacked ? 1 : 2;

    private readonly int[] _events;

    /// <param name="most">Events that one wait brings at most.</param>
    /// <exception cref="Win32Exception">No descriptor is left, or no memory.</exception>
    public Epoll(int most)
        : base(ownsHandle: true)
    {
        _events = new int[most * Words];
        SetHandle(Create(CloseOnExec));
        if (IsInvalid)
        {
            throw new Win32Exception();
        }
    }

    /// <summary>From now on <see cref="Wait"/> tells <paramref name="id"/> while the socket has bytes, an end or an error to be read.</summary>
    /// <exception cref="SocketException">The kernel refuses.</exception>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    public void Add(SafeHandle socket, int id)
    {
        Span<int> wanted = stackalloc int[4];
        wanted[0] = EventIn;
        wanted[Data] = id;
        if (Control(this, OperationAdd, socket, ref wanted[0]) != 0)
        {
            throw new SocketException(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Nothing more is told of the socket, but what the present wait has brought already.</summary>
    public void Remove(SafeHandle socket)
    {
        Span<int> unused = stackalloc int[4];
        _ = Control(this, OperationDelete, socket, ref unused[0]);
    }

    /// <summary>Waits for events.</summary>
    /// <param name="milliseconds">For how long at most; -1: until there is one.</param>
    /// <returns>How many there are; ids by <see cref="IdAt"/>.</returns>
    /// <exception cref="Win32Exception">The descriptor is no good.</exception>
    public int Wait(int milliseconds)
    {
        var count = Wait(this, ref _events[0], _events.Length / Words, milliseconds);
        return count >= 0 ? count : Marshal.GetLastPInvokeError() == Interrupted ? 0 : throw new Win32Exception();
    }

    public int IdAt(int index) => _events[(index * Words) + Data];

    protected override bool ReleaseHandle() => Close(handle) == 0;

    [DllImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static extern nint Create(int flags);

    [DllImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static extern int Control(SafeHandle epoll, int operation, SafeHandle socket, ref int firstWord);

    [DllImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static extern int Wait(SafeHandle epoll, ref int firstWord, int most, int milliseconds);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(nint descriptor);
}
