using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Transcoder.Host.Serving.Connections;
using Transcoder.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Connections;

public sealed class PlainConnectionTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Socket _peer = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly SocketLoop _loop = new(0);
    private readonly PlainConnection _connection;

    public PlainConnectionTests()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen();
        _peer.Connect(listener.LocalEndPoint!);
        _connection = new PlainConnection(listener.Accept(), _loop);
    }

    public async ValueTask DisposeAsync()
    {
        _peer.Dispose();
        await _connection.DisposeAsync();
        _loop.Dispose();
    }

    [Fact]
    public async Task What_the_peer_sends_is_read_and_what_is_left_over_comes_again()
    {
        var input = _connection.Transport.Input;
        _peer.Send([1, 2, 3]);
        var first = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2, 3], first.Buffer.ToArray());
        input.AdvanceTo(first.Buffer.GetPosition(2), first.Buffer.End);
        _peer.Send([4]);
        var second = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([3, 4], second.Buffer.ToArray());
        input.AdvanceTo(second.Buffer.End);
        _peer.Shutdown(SocketShutdown.Send);
        Assert.True((await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken)).IsCompleted);
    }

    [Fact]
    public async Task A_read_under_way_can_be_interrupted_and_begun_again()
    {
        var input = _connection.Transport.Input;
        var read = input.ReadAsync(TestContext.Current.CancellationToken).AsTask();
        input.CancelPendingRead();
        var interrupted = await read.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.True(interrupted.IsCanceled);
        input.AdvanceTo(interrupted.Buffer.Start);
        _peer.Send([7]);
        Assert.Equal([7], (await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken)).Buffer.ToArray());
    }

    [Fact]
    public async Task What_was_sent_arrives_before_the_end_that_completing_the_output_tells()
    {
        await _connection.Features.Get<IConnectionSocketFeature>()!.Socket.SendAsync(new byte[] { 5, 6 });
        await _connection.Transport.Output.CompleteAsync();
        var bytes = new byte[8];
        Assert.Equal(2, await _peer.ReceiveAsync(bytes.AsMemory(), TestContext.Current.CancellationToken));
        Assert.Equal(0, await _peer.ReceiveAsync(bytes.AsMemory(), TestContext.Current.CancellationToken));
        Assert.False(_connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task Aborting_ends_the_read_under_way_and_tells_once_that_the_connection_is_closed()
    {
        var told = 0;
        _connection.ConnectionClosed.UnsafeRegister(_ => told++, null);
        var read = _connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken).AsTask();
        _connection.Abort(new ConnectionAbortedException("enough"));
        var error = await Record.ExceptionAsync(async () => Assert.True((await read.WaitAsync(Patience, TestContext.Current.CancellationToken)).IsCompleted));
        Assert.True(error is null or IOException, error?.ToString());
        await _connection.DisposeAsync();
        Assert.Equal(1, told);
    }

    [Fact]
    public async Task What_may_lie_is_fetched_with_the_next_round_and_at_once_again_when_somebody_waits()
    {
        var input = _connection.Transport.Input;
        var pace = _connection.Features.Get<IConnectionPace>()!;
        pace.MayLie = true;
        await EchoAsync(input, 1);

        // A machine that is busy may take longer from one byte to the next than a round lasts, but not always.
        var together = false;
        for (var i = 0; i < 20 && !together; i++)
        {
            var read = input.ReadAsync(TestContext.Current.CancellationToken).AsTask();
            _peer.Send([2]);
            await Task.Delay(5, TestContext.Current.CancellationToken);
            _peer.Send([3]);
            var result = await read.WaitAsync(Patience, TestContext.Current.CancellationToken);
            together = result.Buffer.Length == 2;
            input.AdvanceTo(result.Buffer.End);
            if (!together)
            {
                await ReadAsync(input, 3);
            }
        }

        Assert.True(together);
        pace.MayLie = false;
        await EchoAsync(input, 4);
        await EchoAsync(input, 5);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_nobody_reads_is_not_told_of_again_and_again(bool mayLie)
    {
        var input = _connection.Transport.Input;
        _connection.Features.Get<IConnectionPace>()!.MayLie = mayLie;
        await EchoAsync(input, 1);
        await EchoAsync(input, 2);
        var socket = _connection.Features.Get<IConnectionSocketFeature>()!.Socket;
        Assert.True(IsWatched(socket));

        // An epoll that watched it on would never sleep.
        _peer.Send([3]);
        for (var waited = TimeSpan.Zero; IsWatched(socket) && waited < Patience; waited += TimeSpan.FromMilliseconds(10))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.False(IsWatched(socket));
        await ReadAsync(input, 3);
        await EchoAsync(input, 4);
    }

    [Fact]
    public async Task Many_that_may_lie_are_all_served()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen();
        var peers = new List<(Socket Peer, PlainConnection Connection)>();
        for (var i = 0; i < 300; i++)
        {
            var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
            peer.Connect(listener.LocalEndPoint!);
            peers.Add((peer, new PlainConnection(listener.Accept(), _loop)));
            peers[i].Connection.Features.Get<IConnectionPace>()!.MayLie = true;
        }

        for (var round = 0; round < 3; round++)
        {
            var reads = peers.ConvertAll(peer => peer.Connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken).AsTask());
            peers.ForEach(static peer => peer.Peer.Send([7]));
            for (var i = 0; i < peers.Count; i++)
            {
                var read = await reads[i].WaitAsync(Patience, TestContext.Current.CancellationToken);
                Assert.Equal([7], read.Buffer.ToArray());
                peers[i].Connection.Transport.Input.AdvanceTo(read.Buffer.End);
            }
        }

        foreach (var (peer, connection) in peers)
        {
            peer.Dispose();
            await connection.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_block_that_a_reader_keeps_is_not_overwritten_by_what_others_are_sent()
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
        listener.Listen();
        using var peer = new Socket(SocketType.Stream, ProtocolType.Tcp);
        peer.Connect(listener.LocalEndPoint!);
        await using var other = new PlainConnection(listener.Accept(), _loop);
        var input = _connection.Transport.Input;
        _peer.Send([1, 2, 3]);
        var kept = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        peer.Send([9, 9, 9]);
        await other.Transport.Input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([1, 2, 3], kept.Buffer.ToArray());
        input.AdvanceTo(kept.Buffer.End);
        await EchoAsync(input, 4);
    }

    [Fact]
    public async Task Nothing_is_received_while_nobody_reads()
    {
        var input = _connection.Transport.Input;
        await EchoAsync(input, 1);
        _peer.Send([2]);
        await Task.Delay(50, TestContext.Current.CancellationToken);
        _peer.Send([3]);
        var both = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([2, 3], both.Buffer.ToArray());
    }

    [Fact]
    public async Task More_than_a_block_arrives_whole_and_in_order()
    {
        var input = _connection.Transport.Input;
        var sent = new byte[(5 * SocketLoop.BlockSize) + 77];
        new Random(1).NextBytes(sent);
        var sending = _peer.SendAsync(sent.AsMemory(), TestContext.Current.CancellationToken).AsTask();
        var got = new List<byte>();
        while (got.Count < sent.Length)
        {
            var read = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);

            // Some is left over each time.
            var take = Math.Max(1, read.Buffer.Length - 9);
            got.AddRange(read.Buffer.Slice(0, take).ToArray());
            input.AdvanceTo(read.Buffer.GetPosition(take), got.Count + read.Buffer.Length - take < sent.Length ? read.Buffer.End : read.Buffer.GetPosition(take));
        }

        await sending;
        Assert.Equal(sent, got);
    }

    [Fact]
    public async Task A_connection_outlives_the_loop_that_read_it()
    {
        await EchoAsync(_connection.Transport.Input, 1);
        _loop.Dispose();
        await _connection.DisposeAsync();
        Assert.True(_connection.ConnectionClosed.IsCancellationRequested);
        await Assert.ThrowsAsync<IOException>(async () => await _connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_reset_is_an_error_of_the_read()
    {
        var read = _connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken).AsTask();
        _peer.Close(0);
        await Assert.ThrowsAsync<IOException>(() => read.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    private async Task EchoAsync(PipeReader input, byte value)
    {
        _peer.Send([value]);
        await ReadAsync(input, value);
    }

    private static async Task ReadAsync(PipeReader input, byte value)
    {
        var result = await input.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal([value], result.Buffer.ToArray());
        input.AdvanceTo(result.Buffer.End);
    }

    /// <summary>Whether an epoll of this process does; its descriptor lists what it watches (proc_pid_fdinfo(5)).</summary>
    private static bool IsWatched(Socket socket)
    {
        string[] LinesOf(string file)
        {
            try
            {
                return File.ReadAllLines(file);
            }
            catch (IOException)
            {
                // Another test has closed it meanwhile.
                return [];
            }
        }

        return Directory.GetFiles("/proc/self/fdinfo").SelectMany(LinesOf).Any(line =>
            line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["tfd:", var watched, ..] && watched == $"{socket.Handle}");
    }
}
