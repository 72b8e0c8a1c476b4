using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>One load on one server.</summary>
internal sealed class LoadRun
{
    private const int Joining = 16;
    private const int LateJoins = 10;
    private const int Ahead = 10;

    // A runtime compiles once more what has been called 30 times.
    private const int WarmUpRounds = 12;

    // What a server keeps of a stream, and of one that is watched, is the stream's memory. So each has one player from the start, and the others' memory is counted
    // from when the server has got that far: it has had the whole clip, ten seconds, and as much again as it keeps.
    private static readonly TimeSpan Fill = TimeSpan.FromSeconds(18);
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    private readonly LoadPlan _plan;
    private readonly string _application;
    private readonly ProcessFigures _server;
    private readonly CancellationToken _stop;
    private readonly RecordedClip _clip;
    private readonly MediaBufferPool _pool = new();
    private readonly RtmpClient _client;

    // Those who are counted read together. Who joins late is timed, and reads like any player.
    private readonly RtmpClient _players;

    private LoadRun(LoadPlan plan, string application, ProcessFigures server, ReadingRounds rounds, CancellationToken stop)
    {
        _plan = plan;
        _application = application;
        _server = server;
        _stop = stop;
        _clip = RecordedClip.Read(plan.File, plan.BitsPerSecond);
        _client = new RtmpClient(RtmpOptions.Default, _pool, new RtmpStatistics(), TimeProvider.System);
        _players = new RtmpClient(RtmpOptions.Default, _pool, new RtmpStatistics(), TimeProvider.System, rounds.DialAsync);
    }

    public static async Task<LoadResult> RunAsync(LoadPlan plan, string application, ProcessFigures server, CancellationToken stop)
    {
        using var rounds = new ReadingRounds();
        var run = new LoadRun(plan, application, server, rounds, stop);
        await run.WarmUpAsync();
        return await run.MeasureAsync();
    }

    /// <summary>
    /// A few players come and go, again and again: what a server loads, compiles or sets up once is not counted as the players' memory. Never more at once, or what it
    /// keeps of those would be missing from the memory of those that are counted.
    /// </summary>
    private async Task WarmUpAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        var publisher = new StampedPublisher(_client, _pool, _clip, UrlOf("warm"));
        var publishing = publisher.RunAsync(ending.Token);
        await Task.Delay(Settle / 2, _stop);
        using var check = _plan.Check ? IndependentReader.Start($"{_application}/warm") : null;
        for (var round = 0; round < WarmUpRounds; round++)
        {
            var viewers = Enumerable.Range(0, 4).Select(_ => new Viewer(_client, false, publisher, UrlOf("warm"), new DelayHistogram())).ToArray();
            await Task.WhenAll(viewers.Select(viewer => viewer.StartAsync(_stop)));
            await Task.Delay(Settle / 4, _stop);
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

    private async Task<LoadResult> MeasureAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        var memoryAtStart = _server.ResidentBytes();
        var publishers = Enumerable.Range(0, _plan.Publishers).Select(i => new StampedPublisher(_client, _pool, _clip, UrlOf($"load{i}"))).ToArray();
        var publishing = new List<Task>();
        foreach (var publisher in publishers)
        {
            publishing.Add(publisher.RunAsync(ending.Token));

            // Their keyframes do not come all at once.
            await Task.Delay(Spread / publishers.Length, _stop);
        }

        var delays = new DelayHistogram();
        var viewers = new List<Viewer>();
        var stuck = new List<Viewer>();
        async Task JoinAsync(int upTo)
        {
            while (viewers.Count < upTo)
            {
                var batch = Enumerable.Range(viewers.Count, Math.Min(Joining, upTo - viewers.Count))
                    .Select(i => new Viewer(_players, true, publishers[i % publishers.Length], UrlOf($"load{i % publishers.Length}"), delays, recording: _plan.Check && i == 0)).ToArray();
                viewers.AddRange(batch);
                await Task.WhenAll(batch.Select(viewer => viewer.StartAsync(_stop)));
            }
        }

        try
        {
            await Task.Delay(Settle / 2, _stop);
            var unwatched = _server.ResidentBytes();
            var first = Math.Min(publishers.Length, _plan.Players);
            await JoinAsync(first);
            await Task.Delay(Fill, _stop);
            var memoryBefore = _server.ResidentBytes();
            await JoinAsync(_plan.Players);

            for (var i = 0; i < _plan.Stuck; i++)
            {
                stuck.Add(new Viewer(_client, false, publishers[0], UrlOf("load0"), new DelayHistogram()));
                await stuck[i].StartStuckAsync(_stop);
            }

            // Before the counting begins: what a process needs to start would be counted as the server's delay.
            using var check = _plan.Check && viewers.Count > 0 ? IndependentReader.Start($"{_application}/load0") : null;

            // At least until the last to join has seen a keyframe, on servers that make it wait for one.
            await Task.Delay(Settle + Settle, _stop);
            await Task.Delay(_plan.WarmUp, _stop);

            // From packets on that are not sent yet: none may come before the last of a thousand viewers counts.
            var from = publishers.Select(publisher => publisher.Sent + Ahead).ToArray();
            foreach (var (i, viewer) in viewers.Index())
            {
                viewer.CountFrom(from[i % publishers.Length]);
            }

            var (cpu, bytes, started) = (_server.CpuSeconds(), viewers.Sum(viewer => viewer.BytesReceived), Stopwatch.GetTimestamp());
            await Task.Delay(_plan.Duration, _stop);
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var cpuSeconds = _server.CpuSeconds() - cpu;
            var gigabits = (viewers.Sum(viewer => viewer.BytesReceived) - bytes) * 8 / 1e9;
            var memory = _server.ResidentBytes();
            var until = publishers.Select(publisher => publisher.Sent).ToArray();
            foreach (var (i, viewer) in viewers.Index())
            {
                viewer.CountTo(until[i % publishers.Length]);
            }

            var late = await JoinLateAsync(publishers[0]);
            await Task.Delay(Settle, _stop);
            var arrivals = viewers.Select(viewer => viewer.Arrivals).ToArray();
            var same = check is null ? default : await check.CompareAsync(viewers[0]);
            return new LoadResult
            {
                GigabitsPerSecond = gigabits / seconds,
                CpuShare = cpuSeconds / seconds,
                DelayMedian = delays.Milliseconds(0.5),
                Delay99 = delays.Milliseconds(0.99),
                Stalls = arrivals.Sum(log => log.Stalls),
                Missing = arrivals.Sum(log => log.Missing),
                Duplicates = arrivals.Sum(log => log.Duplicates),
                Gaps = arrivals.Sum(log => log.Gaps),
                StepsBack = arrivals.Sum(log => log.StepsBack),
                Lost = viewers.Count(viewer => viewer.Ended),
                FailedJoins = viewers.Concat(stuck).Concat(late).Sum(viewer => viewer.FailedJoins),
                MemoryPerPeerKib = (_plan.Players > first ? (memory - memoryBefore) / (double)(_plan.Players - first) : (memory - memoryAtStart) / (double)_plan.Publishers) / 1024,
                GrowthMib = (memory - unwatched) / 1048576.0,
                LateJoinMedian = Figures.MedianOf(late.Select(FirstVideo)),
                LateJoinLongest = late.Max(FirstVideo),
                LateJoinKeyframes = late.Average(viewer => viewer.FirstVideoIsKeyframe ? 1.0 : 0),
                Checked = same.Sentence ?? "",
                CheckFailed = check is not null && !same.IsSame,
            };
        }
        finally
        {
            foreach (var viewer in viewers.Concat(stuck))
            {
                await viewer.DisposeAsync();
            }

            await ending.CancelAsync();
            await Task.WhenAll(publishing);
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
