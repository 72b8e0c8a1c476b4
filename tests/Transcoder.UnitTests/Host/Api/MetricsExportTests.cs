using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Host.Api;
using Transcoder.Host.Serving;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Streams;
using Transcoder.Streams.Devices;
using Transcoder.Streams.Transcoding;
using Transcoder.Streams.Workers;
using Transcoder.Testing;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Transcoder.UnitTests.Host.Serving;
using Transcoder.UnitTests.Streams;
using Xunit;

namespace Transcoder.UnitTests.Host.Api;

public sealed class MetricsExportTests : IAsyncDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly FakeWorkerLauncher _launcher = new();
    private readonly StreamRegistry _registry;
    private readonly WorkerPool _workers;
    private readonly TranscoderSupervisor _transcoders;
    private readonly PushOutput _pushes;
    private readonly DeviceWatch _watch;
    private readonly FrontDoor _door;
    private readonly MetricsExport _metrics;

    public MetricsExportTests()
    {
        var options = ServingOptions.Read();
        _door = new FrontDoor(options, TimeProvider.System, NullLoggerFactory.Instance);
        _registry = new StreamRegistry(Policies.OfApps(options).GetValueOrDefault, _door.Access, TimeProvider.System, NullLogger<StreamRegistry>.Instance);
        _workers = new WorkerPool(_launcher, Policies.Of(options.Workers) with { Spares = 0 }, TimeProvider.System, NullLogger<WorkerPool>.Instance);
        var resources = TestMachines.CpuOnly(TimeProvider.System);
        _watch = new DeviceWatch(new FakeDeviceProgram(), resources, TimeProvider.System, NullLogger<DeviceWatch>.Instance);
        _transcoders = new TranscoderSupervisor(_registry, _workers, resources, _watch.Ready, _pool, TimeProvider.System, NullLogger<TranscoderSupervisor>.Instance);
        _pushes = new PushOutput(_registry, Policies.PushTargets(options), RtmpOptions.Default, _pool, TimeProvider.System, NullLogger<PushOutput>.Instance);
        _metrics = new MetricsExport(_registry, _transcoders, _workers, _pushes, new RtmpStatistics(), _pool, resources, _watch, "1.0", _door);
    }

    public async ValueTask DisposeAsync()
    {
        await _door.DisposeAsync();
        _registry.Shutdown();
        await _pushes.DisposeAsync();
        await _transcoders.DisposeAsync();
        await _watch.DisposeAsync();
        await _workers.DisposeAsync();
        _registry.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public async Task A_stream_and_its_renditions_have_series_until_they_end_and_no_secret_is_shown()
    {
        var (sink, _) = await _registry.PublishAsync(new AccessRequest("live", "show", ServingOptions.Key, "peer"), default);
        await sink!.WriteAsync(_pool.Video(0, keyframe: true), default);
        var worker = await _launcher.NextAsync();
        await worker.Job;
        worker.Start(0);
        worker.Picture(0, 0, keyframe: true);
        worker.Report(new RenditionReport(0, 7, 1, 2, 0, 1, 0, 3));
        await Eventual.HoldsAsync(() => _transcoders.Sessions.Any(s => s.Report is not null) && _pushes.Sessions.Count() == 2);

        var text = await ScrapeAsync();
        var view = JsonSerializer.Serialize(StreamViews.All(_registry, _transcoders, _workers, _pushes, _watch));
        Assert.Contains("transcoder_stream_packets_total{app=\"live\",stream=\"show\",rendition=\"\",kind=\"video\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("transcoder_rendition_frames_total{app=\"live\",stream=\"show\",rendition=\"720p\"} 7", text, StringComparison.Ordinal);
        Assert.Contains("transcoder_rendition_frames_dropped_total{app=\"live\",stream=\"show\",rendition=\"720p\",cause=\"lost\"} 3", text, StringComparison.Ordinal);
        Assert.Contains("transcoder_push_up{app=\"live\",stream=\"show\",rendition=\"720p\"", text, StringComparison.Ordinal);
        Assert.Contains("\"FramesLost\":3", view, StringComparison.Ordinal);
        foreach (var shown in new[] { text, view })
        {
            Assert.DoesNotContain(ServingOptions.Key, shown, StringComparison.Ordinal);
            Assert.DoesNotContain(ServingOptions.PushSecret, shown, StringComparison.Ordinal);
        }

        sink.Complete(new Reason(Reasons.Unpublished, ""));
        await worker.SourceEnded;
        worker.End(Reasons.SourceEnded);
        await Eventual.HoldsAsync(() => !_transcoders.Sessions.Any() && !_pushes.Sessions.Any());
        Assert.DoesNotContain("show", await ScrapeAsync(), StringComparison.Ordinal);
        Assert.Empty(StreamViews.All(_registry, _transcoders, _workers, _pushes, _watch).Streams);
    }

    [Fact]
    public async Task What_a_slow_viewer_loses_is_counted_for_its_stream()
    {
        var (sink, _) = await _registry.PublishAsync(new AccessRequest("live", "show", ServingOptions.Key, "peer"), default);
        await sink!.WriteAsync(_pool.Video(0, keyframe: true), default);
        var feed = _registry.Sources.Single().Live.Feed;
        using (var slow = feed.Subscribe())
        {
            Assert.True(slow.TryRead(out var packet));
            packet.Release();
            feed.Publish(_pool.Video(3_000));
            feed.Publish(_pool.Video(9_000, keyframe: true));
            Assert.True(slow.TryRead(out packet));
            Assert.Equal(9_000, packet.Dts.Milliseconds);
            packet.Release();
        }

        var text = await ScrapeAsync();
        Assert.Contains("transcoder_stream_dropped_packets_total{app=\"live\",stream=\"show\",rendition=\"\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("transcoder_stream_reader_jumps_total{app=\"live\",stream=\"show\",rendition=\"\"} 1", text, StringComparison.Ordinal);
        sink.Complete(new Reason(Reasons.Unpublished, ""));
    }

    [Fact]
    public async Task What_waits_for_the_devices_to_be_tried_says_so()
    {
        var report = new ProbeReport([], [], "fake") { Awaited = ["Card 1"] };
        await using var watch = new DeviceWatch(
            new FakeDeviceProgram { Earlier = [report], Answer = new TaskCompletionSource().Task }, TestMachines.CpuOnly(TimeProvider.System), TimeProvider.System, NullLogger<DeviceWatch>.Instance);
        await using var transcoders = new TranscoderSupervisor(
            _registry, _workers, TestMachines.CpuOnly(TimeProvider.System), watch.Ready, _pool, TimeProvider.System, NullLogger<TranscoderSupervisor>.Instance);
        var (sink, _) = await _registry.PublishAsync(new AccessRequest("live", "early", ServingOptions.Key, "peer"), default);
        await sink!.WriteAsync(_pool.Video(0, keyframe: true), default);
        await Eventual.HoldsAsync(() => watch.Report is not null && transcoders.Sessions.Any());
        var rendition = StreamViews.All(_registry, transcoders, _workers, _pushes, watch).Streams.Single().Renditions[0];
        Assert.Equal(("starting", Reasons.Probing, "devices are being tried: Card 1"), (rendition.State, rendition.Reason.Code, rendition.Reason.Detail));
        sink.Complete(new Reason(Reasons.Unpublished, ""));
    }

    private async Task<string> ScrapeAsync()
    {
        using var output = new MemoryStream();
        await _metrics.WriteAsync(output, default);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
