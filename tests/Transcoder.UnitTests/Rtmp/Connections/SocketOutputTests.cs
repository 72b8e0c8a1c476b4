using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Transcoder.Rtmp.Connections;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Connections;

/// <summary>Shared blocks to a real socket: the kernel's gather write is what is tested.</summary>
public sealed class SocketOutputTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _server;
    private readonly Socket _client = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly Pipe _pipe = new();
    private readonly SocketOutput _output;

    public SocketOutputTests()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _client.Connect(listener.LocalEndpoint);
        _server = listener.AcceptSocket();
        _output = new SocketOutput(_server, _pipe.Writer);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(40)]
    public async Task Segments_arrive_whole_and_in_order(int segments)
    {
        // Twice, because one buffer and a list of them are set on the same operation in turn.
        for (var round = 0; round < 2; round++)
        {
            var sent = Enumerable.Range(0, segments).Select(i => Enumerable.Repeat((byte)(i + 1), 10 + i).ToArray()).ToArray();
            foreach (var bytes in sent)
            {
                _output.Add(bytes);
            }

            Assert.True(await _output.FlushAsync().AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken));
            Assert.Equal(sent.SelectMany(bytes => bytes), await ReceiveAsync(sent.Sum(bytes => bytes.Length)));
            _output.Add(new byte[] { 99 });
            Assert.True(await _output.FlushAsync());
            Assert.Equal([99], await ReceiveAsync(1));
        }
    }

    [Fact]
    public async Task A_flush_waits_for_a_reader_and_leaves_nothing_out()
    {
        var block = new byte[8 << 20];
        Random.Shared.NextBytes(block);
        _output.Add(block);
        _output.Add(block);
        var flush = _output.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);
        Assert.Equal(block, await ReceiveAsync(block.Length));
        Assert.Equal(block, await ReceiveAsync(block.Length));
        Assert.True(await flush.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_flush_whose_reader_takes_a_little_is_seen_to_go_on()
    {
        _output.Add(new byte[64 << 20]);
        var flush = _output.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);
        for (var i = 0; i < 3; i++)
        {
            var before = _output.Parts;
            await ReceiveAsync(2 << 20);
            Assert.True(SpinWait.SpinUntil(() => _output.Parts > before, Patience));
        }

        Assert.False(flush.IsCompleted);
        _server.Dispose();
        await Assert.ThrowsAsync<IOException>(() => flush.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_flush_that_hangs_ends_with_its_socket()
    {
        _output.Add(new byte[32 << 20]);
        var flush = _output.FlushAsync().AsTask();
        Assert.False(flush.IsCompleted);
        _server.Dispose();
        await Assert.ThrowsAsync<IOException>(() => flush.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task What_is_tried_goes_as_far_as_the_socket_has_room_and_the_rest_follows()
    {
        var sent = new List<byte>();
        var block = new byte[1 << 20];
        int taken;
        do
        {
            Random.Shared.NextBytes(block);
            sent.AddRange(block);
            taken = _output.TrySend(block);
            Assert.InRange(taken, 0, block.Length);
        }
        while (taken == block.Length);
        _output.Add(new ArraySegment<byte>(block)[taken..]);
        var flush = _output.FlushAsync().AsTask();
        Assert.Equal(sent, await ReceiveAsync(sent.Count));
        Assert.True(await flush.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal(3, _output.TrySend([1, 2, 3]));
        Assert.Equal([1, 2, 3], await ReceiveAsync(3));
    }

    [Fact]
    public async Task Trying_a_peer_that_has_gone_sends_nothing_and_the_flush_says_so()
    {
        _client.Close(0);
        Assert.True(SpinWait.SpinUntil(() => _output.TrySend([1]) == 0, Patience));
        _output.Add(new byte[1]);
        await Assert.ThrowsAsync<IOException>(() => _output.FlushAsync().AsTask());
    }

    [Fact]
    public void Trying_a_closed_socket_says_so()
    {
        _server.Dispose();
        _output.Approach();
        Assert.Throws<ObjectDisposedException>(() => _output.TrySend([1]));
    }

    public void Dispose()
    {
        _server.Dispose();
        _client.Dispose();
        _output.Dispose();
    }

    private async Task<byte[]> ReceiveAsync(int length)
    {
        var received = new byte[length];
        using var stream = new NetworkStream(_client, ownsSocket: false);
        await stream.ReadExactlyAsync(received, TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        return received;
    }
}
