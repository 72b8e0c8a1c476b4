using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Time;
using Transcoder.Rtmp.Messages;
using Transcoder.Rtmp.Sessions;

namespace Transcoder.Rtmp;

/// <summary>The RTMP server behind a Kestrel endpoint. One ticker looks after the deadlines of all connections.</summary>
public sealed class RtmpConnectionHandler : ConnectionHandler, IAsyncDisposable
{
    // Deadlines are seconds long; a second more does not matter.
    private static readonly TimeSpan TickInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainStep = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<RtmpSession, byte> _sessions = new();
    private readonly IRtmpApplication _application;
    private readonly RtmpOptions _options;
    private readonly MediaBufferPool _pool;
    private readonly MessageMuxer _muxer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _ticker;

    public RtmpConnectionHandler(
        IRtmpApplication application, RtmpOptions options, MediaBufferPool pool, RtmpStatistics statistics, TimeProvider time, ILogger<RtmpConnectionHandler> logger)
    {
        _application = application;
        _options = options;
        _pool = pool;
        _muxer = new MessageMuxer(pool, options.ChunkSize);
        Statistics = statistics;
        _time = time;
        _logger = logger;
        _ticker = time.CreateBriefTicker(TickInterval, Tick);
    }

    public RtmpStatistics Statistics { get; }

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var session = new RtmpSession(connection, _application, _options, _pool, _muxer, Statistics, _time, _logger);
        _sessions.TryAdd(session, 0);
        if (Statistics.ConnectionOpened() > _options.MaxConnections)
        {
            session.End(new Reason(Reasons.TooManyConnections, $"the limit is {_options.MaxConnections} connections"));
        }

        try
        {
            await session.RunAsync();
        }
        finally
        {
            _sessions.TryRemove(session, out _);
            Statistics.ConnectionClosed(session.EndReason.Code);
        }
    }

    /// <summary>Ends every connection with <paramref name="reason"/>; new ones are still taken.</summary>
    public void EndAll(Reason reason)
    {
        foreach (var (session, _) in _sessions)
        {
            session.End(reason);
        }
    }

    /// <summary>Asks every publisher and player that understands it to connect anew (E-RTMP v2, "Reconnect Request"); they are served on until they leave.</summary>
    /// <param name="tcUrl">Where to, with the client's own application behind a slash at its end; null for the address they have.</param>
    /// <returns>How many were asked.</returns>
    public int RequestReconnect(string? tcUrl)
    {
        var asked = 0;
        foreach (var (session, _) in _sessions)
        {
            asked += session.RequestReconnect(tcUrl) ? 1 : 0;
        }

        return asked;
    }

    /// <summary>Asks them, and waits until those who were asked have left.</summary>
    /// <returns>How many were still here when the token ended it.</returns>
    public async Task<int> DrainAsync(string? tcUrl, CancellationToken cancellationToken)
    {
        RequestReconnect(tcUrl);
        while (true)
        {
            var left = _sessions.Keys.Count(static session => session.WasAskedToLeave);
            if (left == 0 || cancellationToken.IsCancellationRequested)
            {
                return left;
            }

            await Task.Delay(DrainStep, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public ValueTask DisposeAsync() => _ticker.DisposeAsync();

    private void Tick()
    {
        foreach (var (session, _) in _sessions)
        {
            session.Tick();
        }
    }
}
