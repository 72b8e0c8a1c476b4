using System.Buffers;
using System.Net.Sockets;

namespace Transcoder.Host.Serving.Connections;

/// <summary>
/// A thread that waits for sockets and lets who reads one go on right there, one after the other, with bytes in a block that all of them share: a packet costs one receive,
/// a connection that waits holds no memory, and what arrives together is taken with one wait. Sockets that nobody waits for are looked at in rounds. Nobody may block on it.
/// </summary>
internal sealed class SocketLoop : IDisposable
{
    /// <summary>What one read takes at most, in bytes: two megabits in a tenth of a second.</summary>
    public const int BlockSize = 16 << 10;

    // Two packets of a stream come together then. A viewer that begins meanwhile is not kept waiting: what it begins with is there.
    private const int RoundMilliseconds = 40;

    private const int MostEvents = 256;
    private const int MostBatches = 64;

    // A reader does not block, so the loop's end is not far.
    private static readonly TimeSpan LastReader = TimeSpan.FromSeconds(2);

    // Ids that are no reader's.
    private const int Bell = -1;
    private const int Leisure = -2;

    private readonly Lock _gate = new();
    private readonly Epoll _prompt = new(MostEvents);
    private readonly Epoll _leisurely = new(MostEvents);

    // A stream socket that is not connected is hung up at any time: watched, it ends the wait.
    private readonly Socket _bell = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly Thread _thread;
    private readonly Stack<int> _free = new();
    private SocketInput?[] _inputs = new SocketInput?[64];
    private byte[] _block = NewBlock();
    private int _used;
    private bool _leisureBegins;
    private volatile bool _stopped;

    public SocketLoop(int number)
    {
#pragma warning disable RS0030 // It waits in a system call for as long as it lives, which no thread of the pool may.
        _thread = new Thread(Run) { Name = $"sockets {number}", IsBackground = true };
#pragma warning restore RS0030
        _thread.Start();
    }

    /// <summary>A place for a reader that is not waited for yet.</summary>
    /// <returns>Its id.</returns>
    public int Enter(SocketInput input)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out var id))
            {
                id = _used++;
                if (id == _inputs.Length)
                {
                    var larger = new SocketInput?[_inputs.Length * 2];
                    _inputs.CopyTo(larger, 0);
                    Volatile.Write(ref _inputs, larger);
                }
            }

            _inputs[id] = input;
            return id;
        }
    }

    /// <summary>The place is another's from now on; an event that is under way finds that one with nothing to read, and no harm is done.</summary>
    public void Leave(int id)
    {
        lock (_gate)
        {
            _inputs[id] = null;
            _free.Push(id);
        }
    }

    /// <param name="leisurely">In rounds only.</param>
    public void Watch(Socket socket, int id, bool leisurely) => (leisurely ? _leisurely : _prompt).Add(socket.SafeHandle, id);

    public void Unwatch(Socket socket, bool leisurely)
    {
        try
        {
            (leisurely ? _leisurely : _prompt).Remove(socket.SafeHandle);
        }
        catch (ObjectDisposedException)
        {
            // The loop has ended, or the socket is closed: nobody watches it any more.
        }
    }

    /// <summary>The thread ends, after what it is doing; who reads by it reads nothing any more.</summary>
    public void Dispose()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        Watch(_bell, Bell, leisurely: false);
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join(LastReader);
        }
    }

    private void Run()
    {
        _prompt.Add(_leisurely, Leisure);
        long? round = null;
        while (!_stopped)
        {
            Receive(_prompt, _prompt.Wait(round is { } due ? (int)Math.Max(due - Environment.TickCount64, 0) : -1));
            round = NextRound(round);
        }

        _bell.Dispose();
        _prompt.Dispose();
        _leisurely.Dispose();
    }

    /// <summary>Rounds go on while they find something. Then the leisurely ones are watched as one, so that an idle appliance sleeps, and the first of them begins the rounds.</summary>
    private long? NextRound(long? round)
    {
        if (_leisureBegins)
        {
            _leisureBegins = false;
            _prompt.Remove(_leisurely);
        }
        else if (round is null || Environment.TickCount64 < round)
        {
            return round;
        }
        else if (!MakeRound())
        {
            _prompt.Add(_leisurely, Leisure);
            return null;
        }

        return Environment.TickCount64 + RoundMilliseconds;
    }

    /// <returns>Whether there was anything.</returns>
    private bool MakeRound()
    {
        var rounds = 0;
        int count;
        do
        {
            // Who has been served goes to the queue's end.
            count = _leisurely.Wait(0);
            Receive(_leisurely, count);
        }
        while (count == MostEvents && ++rounds < MostBatches);
        return rounds > 0 || count > 0;
    }

    private void Receive(Epoll events, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var id = events.IdAt(i);
            _leisureBegins |= id == Leisure;
            if (id >= 0 && Volatile.Read(ref _inputs)[id] is { } input && !input.Receive(_block))
            {
                // The reader is not through with what it got: the block is its own from now on.
                _block = NewBlock();
            }
        }
    }

    private static byte[] NewBlock() => ArrayPool<byte>.Shared.Rent(BlockSize);
}
