using System.Diagnostics;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>One player: reads all it is sent and notes when.</summary>
/// <param name="inRounds">Whether its client reads in <see cref="ReadingRounds"/>, and not like any player.</param>
/// <param name="recording">Whether it keeps the kind and size of each packet, for a comparison.</param>
internal sealed class Viewer(RtmpClient client, bool inRounds, StampedPublisher publisher, RtmpUrl url, DelayHistogram delays, bool recording = false)
    : IAsyncDisposable
{
    private const int Attempts = 3;

    private readonly CancellationTokenSource _ending = new();
    private readonly List<(string Kind, int Bytes)> _record = [];
    private readonly List<ArrivalLog> _counted = [];
    private RtmpPlayer? _player;
    private Task _reading = Task.CompletedTask;
    private ArrivalLog? _arrivals;

    /// <summary>Joins that the server did not answer as it should. Each was tried again.</summary>
    public int FailedJoins { get; private set; }

    /// <summary>From before the first TCP connect to the first video packet; null until then.</summary>
    public TimeSpan? FirstVideo { get; private set; }

    public bool FirstVideoIsKeyframe { get; private set; }

    /// <summary>One for each counted range.</summary>
    public IReadOnlyList<ArrivalLog> Arrivals => _counted;

    public long BytesReceived => _player?.BytesReceived ?? 0;

    public bool Ended => _reading.IsCompleted;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await JoinAsync(cancellationToken);
        _reading = ReadAsync(_player!, started);
    }

    /// <summary>Packets from number <paramref name="first"/> on are counted and timed.</summary>
    public void CountFrom(long first)
    {
        _counted.Add(new ArrivalLog(first, Stopwatch.GetTimestamp()));
        Volatile.Write(ref _arrivals, _counted[^1]);
    }

    public void CountTo(long end) => _counted[^1].Close(end, Stopwatch.GetTimestamp());

    /// <summary>Kinds and payload sizes of all that has come so far.</summary>
    public (string Kind, int Bytes)[] Record()
    {
        lock (_record)
        {
            return [.. _record];
        }
    }

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

    private async Task JoinAsync(CancellationToken cancellationToken)
    {
        while (_player is null)
        {
            try
            {
                _player = await client.PlayAsync(url, cancellationToken);
            }
            catch (RtmpException) when (FailedJoins + 1 < Attempts)
            {
                FailedJoins++;
            }
        }
    }

    private async Task ReadAsync(RtmpPlayer player, long started)
    {
        while (await player.ReadAsync(_ending.Token) is { } packet)
        {
            var now = inRounds ? ReadingRounds.Arrival : Stopwatch.GetTimestamp();
            var (kind, isKeyframe, length) = (packet.Track.Kind, packet.IsKeyframe, packet.Payload.Length);
            var number = kind == TrackKind.Data ? -1 : publisher.NumberOf(packet.Payload.Span);
            packet.Release();
            if (FirstVideo is null && kind == TrackKind.Video)
            {
                FirstVideoIsKeyframe = isKeyframe;
                FirstVideo = Stopwatch.GetElapsedTime(started, now);
            }

            if (recording && kind != TrackKind.Data)
            {
                lock (_record)
                {
                    _record.Add((kind == TrackKind.Video ? "video" : "audio", length));
                }
            }

            if (number >= 0 && Volatile.Read(ref _arrivals) is { } arrivals && arrivals.Add(number, now))
            {
                delays.Add(Stopwatch.GetElapsedTime(publisher.SentAt(number), now));
            }
        }
    }
}
