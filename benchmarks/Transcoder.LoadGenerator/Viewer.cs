using System.Diagnostics;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>One player: reads all it is sent and notes when.</summary>
internal sealed class Viewer(RtmpClient client, StampedPublisher publisher, RtmpUrl url, DelayHistogram delays) : IAsyncDisposable
{
    private static readonly TimeSpan StallAfter = TimeSpan.FromSeconds(1);

    private const int Attempts = 3;

    private readonly CancellationTokenSource _ending = new();
    private RtmpPlayer? _player;
    private Task _reading = Task.CompletedTask;
    private long _countFrom = long.MaxValue;
    private long _countTo = long.MaxValue;
    private long _lastArrival;

    /// <summary>From before the TCP connect to the first video packet; null until then.</summary>
    public TimeSpan? FirstVideo { get; private set; }

    public bool FirstVideoIsKeyframe { get; private set; }

    public int Stalls { get; private set; }

    /// <summary>Packets of the counted range that have come, and their payload.</summary>
    public long Counted { get; private set; }

    public long CountedBytes { get; private set; }

    public long BytesReceived => _player?.BytesReceived ?? 0;

    public bool Ended => _reading.IsCompleted;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // A server that is busy with others may let one wait too long: it is no measurement, so it joins again.
        for (var attempt = 1; _player is null; attempt++)
        {
            var started = Stopwatch.GetTimestamp();
            try
            {
                _player = await client.PlayAsync(url, cancellationToken);
                _reading = ReadAsync(_player, started);
            }
            catch (RtmpException) when (attempt < Attempts)
            {
            }
        }
    }

    /// <summary>Joins and never reads: its socket fills up.</summary>
    public async Task StartStuckAsync(CancellationToken cancellationToken) => _player = await client.PlayAsync(url, cancellationToken);

    /// <summary>Packets from number <paramref name="first"/> on are counted and timed.</summary>
    public void CountFrom(long first)
    {
        _lastArrival = 0;
        Volatile.Write(ref _countFrom, first);
    }

    public void CountTo(long end) => Volatile.Write(ref _countTo, end);

    public async ValueTask DisposeAsync()
    {
        // Reading ends first: a connection is closed by whoever reads it.
        await _ending.CancelAsync();
        await _reading;
        if (_player is not null)
        {
            await _player.DisposeAsync();
        }

        _ending.Dispose();
    }

    private async Task ReadAsync(RtmpPlayer player, long started)
    {
        while (await player.ReadAsync(_ending.Token) is { } packet)
        {
            var now = Stopwatch.GetTimestamp();
            if (FirstVideo is null && packet.Track.Kind == TrackKind.Video)
            {
                FirstVideoIsKeyframe = packet.IsKeyframe;
                FirstVideo = Stopwatch.GetElapsedTime(started, now);
            }

            var number = packet.Track.Kind == TrackKind.Data ? -1 : publisher.NumberOf(packet.Payload.Span);
            var length = packet.Payload.Length;
            packet.Release();
            if (number < Volatile.Read(ref _countFrom) || number >= Volatile.Read(ref _countTo))
            {
                continue;
            }

            Counted++;
            CountedBytes += length;
            delays.Add(Stopwatch.GetElapsedTime(publisher.SentAt(number), now));
            if (_lastArrival != 0 && Stopwatch.GetElapsedTime(_lastArrival, now) > StallAfter)
            {
                Stalls++;
            }

            _lastArrival = now;
        }
    }
}
