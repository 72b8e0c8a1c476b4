using Transcoder.Media.Time;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline;

/// <summary>Writes the worker's report. One thread.</summary>
internal sealed class WorkerReporter(PipelineScope scope)
{
    private long _lastAt = scope.Time.GetTimestamp();
    private MediaTime? _lastReached;

    public void Send()
    {
        var now = scope.Time.GetTimestamp();
        var reached = scope.Source.Reached;
        var elapsed = scope.Time.GetElapsedTime(_lastAt, now);
        var ratio = reached is { } to && _lastReached is { } from && elapsed > TimeSpan.Zero ? (to - from).Seconds / elapsed.TotalSeconds : 0;
        _lastAt = now;
        _lastReached = reached;
        var report = new WorkerReport(
            scope.Source.Frames,
            scope.Source.VideoPackets,
            scope.Source.AudioPackets,
            scope.Source.Damaged,
            ratio,
            Environment.CpuUsage.TotalTime.TotalSeconds,
            [.. scope.Renditions.Select(rendition => rendition.Report())]);
        scope.Link.SendJson(WorkerMessageType.Report, 0, report, WorkerJson.Default.WorkerReport);
    }
}
