using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Transcoder.Host.Serving.Connections;
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
}
