using System.Net.Sockets;
using Transcoder.Host.Serving.Connections;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>
/// Reads for the viewers that are counted: a thread for each core, which looks once a millisecond what has come for any of its own. A reader that sleeps until its bytes are there
/// is woken by the server's send, and on the machine that both share it takes the server's core at once: on two cores every other send was broken off so. That cost any server a
/// fifth of its CPU time, which viewers elsewhere could not. What is measured as delay is half a millisecond longer for it.
/// </summary>
internal sealed class ReadingRounds : IDisposable
{
    private readonly Reader[] _readers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Reader())];
    private int _next;

    /// <summary>When that was received which a viewer is given now, on this thread.</summary>
    [field: ThreadStatic]
    public static long Arrival { get; private set; }

    /// <summary>Connects; for <see cref="RtmpClient"/>. The runtime's own thread would be woken for each socket that has ever waited by it: these never do.</summary>
    public ValueTask<Stream> DialAsync(RtmpUrl url, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.Connect(url.Host, url.Port);
            socket.Blocking = false;
            return new(_readers[Interlocked.Increment(ref _next) % _readers.Length].Add(socket));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var reader in _readers)
        {
            reader.Dispose();
        }
    }

    private sealed class Reader : IDisposable
    {
        private const int MostEvents = 1024;
        private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(1);

        private readonly Lock _gate = new();
        private readonly Epoll _arrived = new(MostEvents);
        private readonly List<RoundStream> _streams = [];
        private readonly List<RoundStream> _taken = [];
        private readonly Thread _thread;
        private volatile bool _stopped;

        public Reader()
        {
            _thread = new Thread(Run) { Name = "rounds", IsBackground = true };
            _thread.Start();
        }

        public RoundStream Add(Socket socket)
        {
            var stream = new RoundStream(socket);
            lock (_gate)
            {
                _streams.Add(stream);
                _arrived.Add(socket.SafeHandle, _streams.Count - 1);
            }

            return stream;
        }

        public void Dispose()
        {
            _stopped = true;

            // Who was read last may go on here.
            if (Thread.CurrentThread != _thread)
            {
                _thread.Join();
            }
        }

        private void Run()
        {
            while (!_stopped)
            {
                if (_arrived.Wait(milliseconds: 0) is not (> 0 and var count))
                {
                    Thread.Sleep(Interval);
                    continue;
                }

                // All are received first: what comes for the last is not late because the first was looked at.
                Take(count);
                foreach (var stream in _taken)
                {
                    do
                    {
                        Arrival = stream.Arrived;
                        stream.Deliver();
                    }
                    while (stream.MayHaveMore && stream.Receive());
                }
            }

            _arrived.Dispose();
        }

        private void Take(int count)
        {
            _taken.Clear();
            lock (_gate)
            {
                for (var i = 0; i < count; i++)
                {
                    if (_streams[_arrived.IdAt(i)] is var stream && stream.Receive())
                    {
                        _taken.Add(stream);
                    }
                }
            }
        }
    }
}
