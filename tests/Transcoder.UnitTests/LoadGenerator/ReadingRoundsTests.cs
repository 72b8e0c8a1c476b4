using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Transcoder.LoadGenerator;
using Transcoder.Rtmp.Clients;
using Xunit;

namespace Transcoder.UnitTests.LoadGenerator;

/// <summary>What is read in rounds is what a plain socket would have read, and ends as that would.</summary>
public sealed class ReadingRoundsTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly ReadingRounds _rounds = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _buffer = new byte[1000];
    private Stream _stream = Stream.Null;
    private Socket? _server;

    public async ValueTask InitializeAsync()
    {
        _listener.Start();
        Assert.True(RtmpUrl.TryParse($"rtmp://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/live/a", out var url));
        _stream = await _rounds.DialAsync(url, TestContext.Current.CancellationToken);
        _server = await _listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task More_than_a_read_takes_arrives_whole_and_in_order()
    {
        var sent = Enumerable.Range(0, 10_500).Select(i => (byte)(i * 7)).ToArray();
        var read = ReadAsync(sent.Length);
        await Server.SendAsync(sent);

        Assert.Equal(sent, await read.WaitAsync(Deadline, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_reader_is_told_when_its_bytes_were_received()
    {
        var arrival = ArrivalOfNextAsync();
        var before = Stopwatch.GetTimestamp();
        await Server.SendAsync("x"u8.ToArray());

        Assert.InRange(await arrival.WaitAsync(Deadline, TestContext.Current.CancellationToken), before, Stopwatch.GetTimestamp());
    }

    [Fact]
    public async Task What_is_written_reaches_the_server()
    {
        await _stream.WriteAsync("abc"u8.ToArray(), TestContext.Current.CancellationToken);

        var received = new byte[3];
        await Server.ReceiveAsync(received).WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.Equal("abc"u8, received);
    }

    [Fact]
    public async Task The_servers_end_is_an_end()
    {
        var read = _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken).AsTask();
        Server.Shutdown(SocketShutdown.Send);

        Assert.Equal(0, await read.WaitAsync(Deadline, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_reset_breaks_the_read()
    {
        var read = _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken).AsTask();
        Server.LingerState = new LingerOption(true, 0);
        Server.Close();

        await Assert.ThrowsAsync<IOException>(() => read.WaitAsync(Deadline, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_cancelled_read_ends_and_the_next_one_has_the_bytes()
    {
        using var cancelling = new CancellationTokenSource();
        var read = _stream.ReadAsync(_buffer, cancelling.Token).AsTask();
        await cancelling.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => read.WaitAsync(Deadline, TestContext.Current.CancellationToken));

        await Server.SendAsync("y"u8.ToArray());

        Assert.Equal(1, await _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken).AsTask().WaitAsync(Deadline, TestContext.Current.CancellationToken));
        Assert.Equal((byte)'y', _buffer[0]);
    }

    [Fact]
    public async Task Closing_ends_the_read()
    {
        var read = _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken).AsTask();
        await _stream.DisposeAsync();

        await Assert.ThrowsAsync<IOException>(() => read.WaitAsync(Deadline, TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _server?.Dispose();
        _listener.Dispose();
        _rounds.Dispose();
    }

    private Socket Server => _server!;

    private async Task<byte[]> ReadAsync(int length)
    {
        var all = new List<byte>();
        while (all.Count < length)
        {
            var count = await _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken);
            all.AddRange(_buffer.AsSpan(0, count));
        }

        return [.. all];
    }

    private async Task<long> ArrivalOfNextAsync()
    {
        await _stream.ReadAsync(_buffer, TestContext.Current.CancellationToken).ConfigureAwait(false);
        return ReadingRounds.Arrival;
    }
}
