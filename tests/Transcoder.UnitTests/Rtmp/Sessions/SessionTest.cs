using Microsoft.Extensions.Time.Testing;
using Transcoder.Rtmp;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

/// <summary>A server with one connection, a clock turned by hand and a pool that notices what does not come back.</summary>
public abstract class SessionTest : IAsyncDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly List<Task> _running = [];

    protected SessionTest(RtmpOptions? options = null)
    {
        Handler = new RtmpConnectionHandler(Application, options ?? RtmpOptions.Default, Pool, Statistics, Clock, Logger);
        Connection = new MemoryConnection();
        Client = new ScriptedClient(Connection.Client);
        Session = Handler.OnConnectedAsync(Connection);
        _running.Add(Session);
    }

    internal ScriptedClient Client { get; }

    protected FakeTimeProvider Clock { get; } = new();

    protected TrackingBufferPool Pool { get; } = new();

    protected FakeRtmpApplication Application { get; } = new();

    protected RtmpStatistics Statistics { get; } = new();

    protected CollectingLogger<RtmpConnectionHandler> Logger { get; } = new();

    protected RtmpConnectionHandler Handler { get; }

    protected MemoryConnection Connection { get; }

    protected Task Session { get; }

    /// <summary>A connection beside the first.</summary>
    protected (MemoryConnection Connection, Task Session) Another(MemoryConnection? connection = null)
    {
        connection ??= new MemoryConnection();
        var session = Handler.OnConnectedAsync(connection);
        _running.Add(session);
        return (connection, session);
    }

    /// <summary>Waits for the end of the connection and checks its one reason and its one line.</summary>
    protected async Task AssertEndedAsync(string reasonCode)
    {
        await Session.WaitAsync(Patience);
        Assert.Equal([reasonCode], Statistics.Closes.Keys);
        Assert.Equal(0, Statistics.ConnectionsOpen);
    }

    /// <summary>Waits for a state that another thread brings about.</summary>
    protected static async Task EventuallyAsync(Func<bool> condition)
    {
        var until = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!condition() && Environment.TickCount64 < until)
        {
            await Task.Delay(5);
        }

        Assert.True(condition());
    }

    public async ValueTask DisposeAsync()
    {
        Handler.EndAll(new Transcoder.Media.Reason(Transcoder.Media.Reasons.Shutdown, "the test is over"));
        var all = Task.WhenAll(_running);

        // Connections whose far end does not read are cut off by the clock.
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(100));
            return all.IsCompleted;
        });
        await all;
        await Handler.DisposeAsync();
        Client.Dispose();
        Application.Dispose();
        Pool.Dispose();
        GC.SuppressFinalize(this);
    }
}
