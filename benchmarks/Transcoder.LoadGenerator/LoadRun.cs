using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>One load on one server, in the steps that <see cref="SideBySide"/> takes with all servers alike.</summary>
internal sealed class LoadRun : IAsyncDisposable
{
    private const int Joining = 16;
    private const int LateJoins = 10;
    private const int Ahead = 10;

    // A runtime compiles once more what has been called 30 times.
    private const int WarmUpRounds = 12;

    // Well over a thousand packets.
    private static readonly TimeSpan LongVisit = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    // Streams go on behind a turn, so that its last packets wait no longer than others. Then nothing may come for a while: what a server is late with is not sent in another's turn.
    private static readonly TimeSpan Tail = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan LongestTail = TimeSpan.FromSeconds(5);

    // A server may ping less often than streams stand still.
    private static readonly RtmpOptions Patient = RtmpOptions.Default with { IdleTimeout = TimeSpan.FromMinutes(10) };

    private readonly LoadPlan _plan;
    private readonly string _application;
    private readonly ProcessFigures _server;
    private readonly CancellationToken _stop;
    private readonly CancellationTokenSource _ending;
    private readonly RunClock _clock = new(TimeProvider.System);
    private readonly RecordedClip _clip;
    private readonly MediaBufferPool _pool = new();
    private readonly RtmpClient _client;

    // Those who are counted read together. Who joins late is timed, and reads like any player.
    private readonly RtmpClient _players;
    private readonly StampedPublisher[] _publishers;
    private readonly List<Task> _publishing = [];
    private readonly List<Viewer> _viewers = [];
    private readonly List<StuckViewer> _stuck = [];
    private readonly DelayHistogram _delays = new();
    private IndependentReader? _check;
    private int _lostStuck;
    private long _memoryAtStart;
    private long _unwatched;
    private long _memoryBefore;
    private long _memory;
    private double _cpuSeconds;
    private double _seconds;
    private double _gigabits;

    public LoadRun(LoadPlan plan, string application, ProcessFigures server, ReadingRounds rounds, CancellationToken stop)
    {
        _plan = plan;
        _application = application;
        _server = server;
        _stop = stop;
        _ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _clip = RecordedClip.Read(plan.File, plan.BitsPerSecond);
        _client = new RtmpClient(Patient, _pool, new RtmpStatistics(), TimeProvider.System);
        _players = new RtmpClient(Patient, _pool, new RtmpStatistics(), TimeProvider.System, rounds.DialAsync);
        _publishers = [.. Enumerable.Range(0, plan.Publishers).Select(i => new StampedPublisher(_client, _pool, _clip, UrlOf($"load{i}"), _clock))];
    }

    // What a server keeps of a stream, and of one that is watched, is the stream's memory. So each has one player from the start.
    private int First => Math.Min(_publishers.Length, _plan.Players);

    /// <summary>
    /// A few players come and go, again and again, and the last of them stay for a while: what a server loads, compiles or sets up once is not counted as the players' memory, and
    /// a run time compiles again what it has called a thousand times. Never more at once, or what it keeps of those would be missing from the memory of those that are counted.
    /// </summary>
    public async Task WarmUpAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        var publisher = new StampedPublisher(_client, _pool, _clip, UrlOf("warm"), new RunClock(TimeProvider.System));
        var publishing = publisher.RunAsync(ending.Token);
        await Task.Delay(Settle / 2, _stop);
        using var check = _plan.Check ? IndependentReader.Start($"{_application}/warm") : null;
        for (var round = 0; round < WarmUpRounds; round++)
        {
            var viewers = Enumerable.Range(0, 4).Select(_ => new Viewer(_client, false, publisher, UrlOf("warm"), new DelayHistogram())).ToArray();
            await Task.WhenAll(viewers.Select(viewer => viewer.StartAsync(_stop)));
            await Task.Delay(round < WarmUpRounds - 1 ? Settle / 4 : LongVisit, _stop);
            foreach (var viewer in viewers)
            {
                await viewer.DisposeAsync();
            }
        }

        check?.Stop();
        await ending.CancelAsync();
        await publishing;
        await Task.Delay(Settle / 2, _stop);
    }

    /// <summary>The streams begin, and each one's first player joins.</summary>
    public async Task PublishAsync()
    {
        _memoryAtStart = _server.ResidentBytes();
        foreach (var publisher in _publishers)
        {
            _publishing.Add(publisher.RunAsync(_ending.Token));

            // Their keyframes do not come all at once.
            await Task.Delay(Spread / _publishers.Length, _stop);
        }

        await Task.Delay(Settle / 2, _stop);
        _unwatched = _server.ResidentBytes();
        await JoinAsync(First);
    }

    /// <summary>The other players join; then the streams stand still.</summary>
    public async Task JoinAsync()
    {
        _memoryBefore = _server.ResidentBytes();
        await JoinAsync(_plan.Players);

        // Before the counting begins: what a process needs to start would be counted as the server's delay.
        _check = _plan.Check && _viewers.Count > 0 ? IndependentReader.Start($"{_application}/load0") : null;

        // At least until the last to join has seen a keyframe, on servers that make it wait for one.
        await Task.Delay(Settle + Settle, _stop);
        await Task.Delay(_plan.WarmUp, _stop);
        _clock.Stop();
    }

    /// <summary>A turn: the streams go on, and are counted for <paramref name="duration"/> after <paramref name="lead"/>.</summary>
    public async Task CountAsync(TimeSpan lead, TimeSpan duration)
    {
        _clock.Start();

        // Not before: a server gives up who takes nothing for long.
        while (_stuck.Count < _plan.Stuck)
        {
            _stuck.Add(new StuckViewer());
            await _stuck[^1].StartAsync(UrlOf("load0"), _pool, _stop);
        }

        NoteLostStuck();
        await Task.Delay(lead, _stop);

        // From packets on that are not sent yet: none may come before the last of a thousand viewers counts.
        var from = _publishers.Select(publisher => publisher.Sent + Ahead).ToArray();
        foreach (var (i, viewer) in _viewers.Index())
        {
            viewer.CountFrom(from[i % _publishers.Length]);
        }

        var (cpu, bytes, started) = (_server.CpuSeconds(), _viewers.Sum(viewer => viewer.BytesReceived), Stopwatch.GetTimestamp());
        await Task.Delay(duration, _stop);
        _seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
        _cpuSeconds += _server.CpuSeconds() - cpu;
        _gigabits += (_viewers.Sum(viewer => viewer.BytesReceived) - bytes) * 8 / 1e9;
        _memory = _server.ResidentBytes();
        var until = _publishers.Select(publisher => publisher.Sent).ToArray();
        foreach (var (i, viewer) in _viewers.Index())
        {
            viewer.CountTo(until[i % _publishers.Length]);
        }

        await Task.Delay(Tail, _stop);
        _clock.Stop();
        var (arrived, ended) = (-1L, Stopwatch.GetTimestamp());
        while (_viewers.Sum(viewer => viewer.BytesReceived) is var now && now != arrived && Stopwatch.GetElapsedTime(ended) < LongestTail)
        {
            arrived = now;
            await Task.Delay(Quiet, _stop);
        }
    }

    /// <summary>The streams go on once more and players join late.</summary>
    public async Task<LoadResult> EndAsync()
    {
        _clock.Start();
        var late = await JoinLateAsync(_publishers[0]);
        await Task.Delay(Settle, _stop);
        _clock.Stop();
        NoteLostStuck();
        var arrivals = _viewers.SelectMany(viewer => viewer.Arrivals).ToArray();
        var same = _check is null ? default : await _check.CompareAsync(_viewers[0]);
        return new LoadResult
        {
            GigabitsPerSecond = _gigabits / _seconds,
            CpuShare = _cpuSeconds / _seconds,
            DelayMedian = _delays.Milliseconds(0.5),
            Delay99 = _delays.Milliseconds(0.99),
            Stalls = arrivals.Sum(log => log.Stalls),
            Missing = arrivals.Sum(log => log.Missing),
            Duplicates = arrivals.Sum(log => log.Duplicates),
            Gaps = arrivals.Sum(log => log.Gaps),
            StepsBack = arrivals.Sum(log => log.StepsBack),
            Lost = _viewers.Count(viewer => viewer.Ended) + _lostStuck,
            FailedJoins = _viewers.Concat(late).Sum(viewer => viewer.FailedJoins),
            MemoryPerPeerKib = (_plan.Players > First ? (_memory - _memoryBefore) / (double)(_plan.Players - First) : (_memory - _memoryAtStart) / (double)_plan.Publishers) / 1024,
            GrowthMib = (_memory - _unwatched) / 1048576.0,
            LateJoinMedian = Figures.MedianOf(late.Select(FirstVideo)),
            LateJoinLongest = late.Max(FirstVideo),
            LateJoinKeyframes = late.Average(viewer => viewer.FirstVideoIsKeyframe ? 1.0 : 0),
            Checked = same.Sentence ?? "",
            CheckFailed = _check is not null && !same.IsSame,
        };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var viewer in _viewers.Cast<IAsyncDisposable>().Concat(_stuck))
        {
            await viewer.DisposeAsync();
        }

        await _ending.CancelAsync();

        // One that failed has been seen by its players.
        await Task.WhenAll(_publishing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _check?.Dispose();
        _ending.Dispose();
    }

    private void NoteLostStuck() => _lostStuck = _stuck.Count(viewer => !viewer.SaySomething());

    private async Task JoinAsync(int upTo)
    {
        while (_viewers.Count < upTo)
        {
            var batch = Enumerable.Range(_viewers.Count, Math.Min(Joining, upTo - _viewers.Count))
                .Select(i => new Viewer(_players, true, _publishers[i % _publishers.Length], UrlOf($"load{i % _publishers.Length}"), _delays, recording: _plan.Check && i == 0)).ToArray();
            _viewers.AddRange(batch);
            await Task.WhenAll(batch.Select(viewer => viewer.StartAsync(_stop)));
        }
    }

    private RtmpUrl UrlOf(string stream) =>
        RtmpUrl.TryParse($"{_application}/{stream}", out var url) ? url : throw new ArgumentException($"'{_application}' is not an rtmp address");

    /// <returns>Players that have been and gone.</returns>
    private async Task<List<Viewer>> JoinLateAsync(StampedPublisher publisher)
    {
        var late = new List<Viewer>();
        for (var i = 0; i < LateJoins; i++)
        {
            await using var viewer = new Viewer(_client, false, publisher, UrlOf("load0"), new DelayHistogram());
            await viewer.StartAsync(_stop);
            for (var waited = 0; viewer.FirstVideo is null && waited < 1000; waited++)
            {
                await Task.Delay(5, _stop);
            }

            late.Add(viewer);

            // Spread over the GOP.
            await Task.Delay(137, _stop);
        }

        return late;
    }

    private static double FirstVideo(Viewer viewer) => viewer.FirstVideo?.TotalMilliseconds ?? double.PositiveInfinity;
}
