using Prometheus;
using Transcoder.Host.Serving;
using Transcoder.Media.Buffers;
using Transcoder.Media.Tracks;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Streams;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Transcoding;
using Transcoder.Streams.Workers;

namespace Transcoder.Host.Api;

/// <summary>
/// <c>GET /metrics</c>. Every scrape reads the house as it is into a registry of its own, so a series ends when its stream ends and nothing on the
/// media path keeps a metric up to date.
/// </summary>
internal sealed class MetricsExport(StreamRegistry registry, TranscoderSupervisor transcoders, WorkerPool workers, PushOutput pushes, RtmpStatistics rtmp, MediaBufferPool buffers, ResourceManager resources, DeviceWatch watch, string version, FrontDoor? frontDoor = null)
{
    private static readonly string[] StreamLabels = ["app", "stream", "rendition"];

    public async Task WriteAsync(Stream output, CancellationToken cancellationToken)
    {
        var scrape = Metrics.NewCustomRegistry();
        DotNetStats.Register(scrape);
        var metrics = Metrics.WithCustomRegistry(scrape);
        metrics.CreateGauge("transcoder_build_info", "1, with the version of the running program.", ["version"]).WithLabels(version).Set(1);
        AddStreams(metrics);
        AddRenditions(metrics);
        AddWorkers(metrics);
        AddRtmp(metrics);
        AddPushes(metrics);
        DeviceMetrics.Add(metrics, resources, watch);
        frontDoor?.AddTo(metrics);
        metrics.CreateGauge("transcoder_buffers_rented", "Pooled blocks owned by somebody.").Set(buffers.RentedBuffers);
        metrics.CreateGauge("transcoder_buffers_idle_bytes", "Bytes of pooled blocks that wait to be rented.").Set(buffers.IdleBytes);
        metrics.CreateGauge("transcoder_packets_rented", "Packets owned by somebody.").Set(buffers.RentedPackets);
        await scrape.CollectAndExportAsTextAsync(output, cancellationToken).ConfigureAwait(false);
    }

    private void AddStreams(IMetricFactory metrics)
    {
        var bytes = metrics.CreateCounter("transcoder_stream_bytes_total", "Payload bytes of the stream so far.", StreamLabels);
        var packets = metrics.CreateCounter("transcoder_stream_packets_total", "Packets of the stream so far.", [.. StreamLabels, "kind"]);
        var frameRate = metrics.CreateGauge("transcoder_stream_frame_rate", "Frames a second, measured.", StreamLabels);
        var bitrate = metrics.CreateGauge("transcoder_stream_bytes_per_second", "Payload bytes a second, measured.", StreamLabels);
        var interval = metrics.CreateGauge("transcoder_stream_keyframe_interval_seconds", "Between the last two keyframes.", StreamLabels);
        var subscribers = metrics.CreateGauge("transcoder_stream_subscribers", "Readers of the stream: players, push targets, a transcoder.", StreamLabels);
        var dropped = metrics.CreateCounter("transcoder_stream_dropped_packets_total", "Packets that readers of the stream did not get because they were too slow, over all readers.", StreamLabels);
        var jumps = metrics.CreateCounter("transcoder_stream_reader_jumps_total", "Times that a reader that was too slow went on at a newer keyframe.", StreamLabels);
        var repairs = metrics.CreateCounter("transcoder_source_timeline_repairs_total", "Timestamp jumps of the source that were repaired.", StreamLabels);
        foreach (var stream in registry.Streams)
        {
            string[] labels = [stream.Name.App, stream.Name.Source, stream.Name.Rendition];
            var measured = stream.Meter.Measure();
            bytes.WithLabels(labels).IncTo(stream.Meter.TotalBytes);
            packets.WithLabels([.. labels, "video"]).IncTo(stream.Meter.VideoPackets);
            packets.WithLabels([.. labels, "audio"]).IncTo(stream.Meter.AudioPackets);
            frameRate.WithLabels(labels).Set(measured.FrameRate);
            bitrate.WithLabels(labels).Set(measured.Bitrate / 8);
            interval.WithLabels(labels).Set(measured.KeyframeInterval);
            subscribers.WithLabels(labels).Set(stream.Feed.Subscribers);
            dropped.WithLabels(labels).IncTo(stream.Feed.DroppedPackets);
            jumps.WithLabels(labels).IncTo(stream.Feed.Jumps);
        }

        foreach (var source in registry.Sources)
        {
            repairs.WithLabels(source.Live.Name.App, source.Live.Name.Source, "").IncTo(source.TimelineRepairs);
        }
    }

    private void AddRenditions(IMetricFactory metrics)
    {
        var offered = metrics.CreateCounter("transcoder_rendition_frames_total", "Source frames that the rendition was offered: encoded + dropped + pending.", StreamLabels);
        var pending = metrics.CreateGauge("transcoder_rendition_frames_pending", "Frames in the rendition's queue and in its encoder.", StreamLabels);
        var skipped = metrics.CreateCounter("transcoder_stream_packets_skipped_total", "Source packets that no worker got, because the transcoder was stuck.", ["app", "stream"]);
        var encoded = metrics.CreateCounter("transcoder_rendition_frames_encoded_total", "Frames that left the encoder.", StreamLabels);
        var dropped = metrics.CreateCounter("transcoder_rendition_frames_dropped_total", "Source frames that were not encoded, by cause: late, plan or lost (with a failing encoder).", [.. StreamLabels, "cause"]);
        var info = metrics.CreateGauge("transcoder_rendition_info", "1, with where the rendition is made and why it is in its state.", [.. StreamLabels, "state", "reason", "device", "codec"]);
        var moves = metrics.CreateCounter("transcoder_rendition_moves_total", "Times that another encoder went on with the rendition: a move, a failure, a new worker.", StreamLabels);
        var gaps = metrics.CreateCounter("transcoder_rendition_gap_seconds_total", "Time without a picture at those moves, in sum.", StreamLabels);
        var lastGap = metrics.CreateGauge("transcoder_rendition_last_gap_seconds", "Time without a picture at the last of them.", StreamLabels);
        var ratio = metrics.CreateGauge("transcoder_worker_realtime_ratio", "Source time decoded by wall time; held under 1, the worker falls behind.", ["app", "stream"]);
        var cpu = metrics.CreateCounter("transcoder_worker_cpu_seconds_total", "CPU time of the stream's current worker.", ["app", "stream"]);
        var deaths = metrics.CreateCounter("transcoder_stream_worker_deaths_total", "Workers of this stream that died and were replaced.", ["app", "stream"]);
        foreach (var session in transcoders.Sessions)
        {
            var name = session.Source.Live.Name;
            if (session.Report is { } report)
            {
                // Not before there is a word from the worker: a ratio of 0 would be an alarm.
                ratio.WithLabels(name.App, name.Source).Set(report.RealtimeRatio);
                cpu.WithLabels(name.App, name.Source).IncTo(report.CpuSeconds);
            }

            skipped.WithLabels(name.App, name.Source).IncTo(session.PacketsSkipped);
            deaths.WithLabels(name.App, name.Source).IncTo(session.WorkerDeaths);
            foreach (var rendition in session.Renditions)
            {
                string[] labels = [name.App, name.Source, rendition.Spec.Name];
                offered.WithLabels(labels).IncTo(rendition.FramesIn);
                pending.WithLabels(labels).Set(rendition.Report?.FramesPending ?? 0);
                encoded.WithLabels(labels).IncTo(rendition.FramesEncoded);
                moves.WithLabels(labels).IncTo(rendition.Gaps.Count);
                gaps.WithLabels(labels).IncTo(rendition.Gaps.Sum.TotalSeconds);
                lastGap.WithLabels(labels).Set(rendition.Gaps.Last.TotalSeconds);
                dropped.WithLabels([.. labels, "late"]).IncTo(rendition.FramesDroppedLate);
                dropped.WithLabels([.. labels, "plan"]).IncTo(rendition.FramesDroppedByPlan);
                dropped.WithLabels([.. labels, "lost"]).IncTo(rendition.FramesLost);
                info.WithLabels([.. labels, StreamViews.Word(rendition.State), rendition.Reason.Code ?? "", rendition.Started?.Device ?? "", rendition.Live?.Video?.Codec.Name() ?? ""]).Set(1);
            }
        }
    }

    private void AddWorkers(IMetricFactory metrics)
    {
        metrics.CreateGauge("transcoder_workers_idle", "Warm workers without a job.").Set(workers.Idle);
        metrics.CreateGauge("transcoder_workers_busy", "Workers with a job.").Set(transcoders.Sessions.Count(s => s.WorkerProcessId != 0));
        metrics.CreateCounter("transcoder_worker_deaths_total", "Workers that died in mid job since the start.").IncTo(transcoders.WorkerDeaths);
    }

    private void AddRtmp(IMetricFactory metrics)
    {
        var open = metrics.CreateGauge("transcoder_rtmp_connections", "RTMP connections open, by role: any, publisher, player.", ["role"]);
        open.WithLabels("any").Set(rtmp.ConnectionsOpen);
        open.WithLabels("publisher").Set(rtmp.PublishersOpen);
        open.WithLabels("player").Set(rtmp.PlayersOpen);
        var total = metrics.CreateCounter("transcoder_rtmp_connections_total", "RTMP connections since the start, by role.", ["role"]);
        total.WithLabels("any").IncTo(rtmp.ConnectionsTotal);
        total.WithLabels("publisher").IncTo(rtmp.PublishersTotal);
        total.WithLabels("player").IncTo(rtmp.PlayersTotal);
        metrics.CreateCounter("transcoder_rtmp_received_bytes_total", "Bytes received over RTMP.").IncTo(rtmp.BytesReceived);
        metrics.CreateCounter("transcoder_rtmp_sent_bytes_total", "Bytes sent over RTMP.").IncTo(rtmp.BytesSent);
        metrics.CreateCounter("transcoder_rtmp_messages_dropped_total", "Media messages that made no packet: no header yet, an unknown codec, damage.").IncTo(rtmp.MessagesDropped);
        var closes = metrics.CreateCounter("transcoder_rtmp_closes_total", "RTMP connections ended, by reason.", ["reason"]);
        foreach (var (reason, count) in rtmp.Closes)
        {
            closes.WithLabels(reason).IncTo(count);
        }
    }

    private void AddPushes(IMetricFactory metrics)
    {
        string[] labels = [.. StreamLabels, "target"];
        var up = metrics.CreateGauge("transcoder_push_up", "1 while the target takes the stream.", labels);
        var lag = metrics.CreateGauge("transcoder_push_lag_seconds", "How far the target is behind.", labels);
        var bytes = metrics.CreateCounter("transcoder_push_sent_bytes_total", "Payload and headers sent to the target.", labels);
        var connections = metrics.CreateCounter("transcoder_push_connections_total", "Connections made to the target.", labels);
        var failures = metrics.CreateCounter("transcoder_push_failures_total", "Attempts that made no connection.", labels);
        var dropped = metrics.CreateCounter("transcoder_push_packets_dropped_total", "Packets dropped because the target was behind.", labels);
        foreach (var push in pushes.Sessions)
        {
            string[] values = [push.Stream.Name.App, push.Stream.Name.Source, push.Stream.Name.Rendition, push.Address];
            up.WithLabels(values).Set(push.State == PushState.Publishing ? 1 : 0);
            lag.WithLabels(values).Set(push.Lag.Seconds);
            bytes.WithLabels(values).IncTo(push.BytesSent);
            connections.WithLabels(values).IncTo(push.Connections);
            failures.WithLabels(values).IncTo(push.FailedAttempts);
            dropped.WithLabels(values).IncTo(push.DroppedPackets);
        }
    }
}
