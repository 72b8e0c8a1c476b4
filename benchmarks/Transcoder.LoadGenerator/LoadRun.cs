using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

internal sealed record LoadPlan(string File, double BitsPerSecond, int Publishers, int Players, TimeSpan Duration);

/// <param name="CpuPerGigabit">Seconds of one core per gigabit delivered: 0.1 is "10 % of a core per Gb/s".</param>
internal sealed record LoadResult(
    int Players, double GigabitsPerSecond, double CpuPerGigabit, double CpuShare, double DelayMedian, double Delay99, int Stalls, long Missing,
    double MemoryPerPlayerKib, double FirstVideoMedian, double FirstVideoKeyframes, int Lost);

/// <summary>One load on one server, measured after everyone has joined.</summary>
internal static class LoadRun
{
    private const int Joining = 16;
    private const int LateJoins = 10;
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(2);

    public static async Task<LoadResult> RunAsync(LoadPlan plan, string application, ProcessFigures server, CancellationToken cancellationToken)
    {
        var clip = RecordedClip.Read(plan.File, plan.BitsPerSecond);
        var pool = new MediaBufferPool();
        var client = new RtmpClient(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var publishers = Enumerable.Range(0, plan.Publishers).Select(i => new StampedPublisher(client, pool, clip, UrlOf(application, i))).ToArray();
        var publishing = publishers.Select(publisher => publisher.RunAsync(ending.Token)).ToArray();
        await Task.Delay(Settle, cancellationToken);

        var delays = new DelayHistogram();
        var viewers = new List<Viewer>();
        try
        {
            var memoryBefore = server.ResidentBytes();
            for (var joined = 0; joined < plan.Players; joined += Joining)
            {
                var batch = Enumerable.Range(joined, Math.Min(Joining, plan.Players - joined))
                    .Select(i => new Viewer(client, publishers[i % plan.Publishers], UrlOf(application, i % plan.Publishers), delays)).ToArray();
                viewers.AddRange(batch);
                await Task.WhenAll(batch.Select(viewer => viewer.StartAsync(cancellationToken)));
            }

            // Until the last to join has seen a keyframe, on servers that make it wait for one.
            await Task.Delay(Settle + Settle, cancellationToken);
            foreach (var (viewer, i) in viewers.Select((viewer, i) => (viewer, i)))
            {
                viewer.CountFrom(publishers[i % plan.Publishers].Sent);
            }

            var from = publishers.Select(publisher => publisher.Sent).ToArray();
            var (cpu, bytes, started) = (server.CpuSeconds(), viewers.Sum(viewer => viewer.BytesReceived), Stopwatch.GetTimestamp());
            await Task.Delay(plan.Duration, cancellationToken);
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var cpuSeconds = server.CpuSeconds() - cpu;
            var gigabits = (viewers.Sum(viewer => viewer.BytesReceived) - bytes) * 8 / 1e9;
            var memory = plan.Players == 0 ? 0 : (server.ResidentBytes() - memoryBefore) / 1024.0 / plan.Players;
            var until = publishers.Select(publisher => publisher.Sent).ToArray();
            foreach (var (viewer, i) in viewers.Select((viewer, i) => (viewer, i)))
            {
                viewer.CountTo(until[i % plan.Publishers]);
            }

            var late = await JoinLateAsync(client, publishers[0], UrlOf(application, 0), cancellationToken);
            await Task.Delay(Settle, cancellationToken);
            var missing = viewers.Select((viewer, i) => Math.Max(0, until[i % plan.Publishers] - from[i % plan.Publishers] - viewer.Counted)).Sum();
            return new LoadResult(
                plan.Players, gigabits / seconds, cpuSeconds / Math.Max(gigabits, 1e-9), cpuSeconds / seconds, delays.Milliseconds(0.5), delays.Milliseconds(0.99),
                viewers.Sum(viewer => viewer.Stalls), missing, memory, Median(late.Select(l => l.FirstVideo)), late.Average(l => l.Keyframe ? 1.0 : 0),
                viewers.Count(viewer => viewer.Ended));
        }
        finally
        {
            foreach (var viewer in viewers)
            {
                await viewer.DisposeAsync();
            }

            await ending.CancelAsync();
            await Task.WhenAll(publishing);
        }
    }

    private static RtmpUrl UrlOf(string application, int stream) =>
        RtmpUrl.TryParse($"{application}/load{stream}", out var url) ? url : throw new ArgumentException($"'{application}' is not an rtmp address");

    private static async Task<List<(double FirstVideo, bool Keyframe)>> JoinLateAsync(
        RtmpClient client, StampedPublisher publisher, RtmpUrl url, CancellationToken cancellationToken)
    {
        var late = new List<(double, bool)>();
        for (var i = 0; i < LateJoins; i++)
        {
            await using var viewer = new Viewer(client, publisher, url, new DelayHistogram());
            await viewer.StartAsync(cancellationToken);
            for (var waited = 0; viewer.FirstVideo is null && waited < 1000; waited++)
            {
                await Task.Delay(5, cancellationToken);
            }

            late.Add((viewer.FirstVideo?.TotalMilliseconds ?? double.PositiveInfinity, viewer.FirstVideoIsKeyframe));

            // Spread over the GOP.
            await Task.Delay(137, cancellationToken);
        }

        return late;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
