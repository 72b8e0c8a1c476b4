using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Streams;
using Transcoder.Streams.Resources;
using Transcoder.Streams.Transcoding;
using Transcoder.Streams.Workers;
using Transcoder.Testing;
using Transcoder.Testing.Devices;
using Transcoder.Testing.Links;
using Xunit;

namespace Transcoder.UnitTests.Streams.Transcoding;

public sealed partial class TranscodeSessionTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly AppPolicy Policy = new()
    {
        Ladder = [new RenditionSpec("720p", new VideoSpec(CodecId.H264, 0, 720, 1_000_000), null), new RenditionSpec("480p", new VideoSpec(CodecId.H264, 0, 480, 500_000), null)],
    };

    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly FakeWorkerLauncher _launcher = new();
    private readonly StreamRegistry _registry;
    private readonly ResourceManager _resources;
    private readonly WorkerPool _workers;
    private readonly TranscoderSupervisor _supervisor;

    public TranscodeSessionTests()
    {
        _registry = new StreamRegistry(_ => Policy, new Everybody(), _clock, NullLogger<StreamRegistry>.Instance);
        _workers = new WorkerPool(_launcher, new WorkerPolicy(0, Patience, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5)), _clock, NullLogger<WorkerPool>.Instance);
        _resources = TestMachines.CpuOnly(_clock);
        _supervisor = new TranscoderSupervisor(_registry, _workers, _resources, Task.CompletedTask, _pool, _clock, NullLogger<TranscoderSupervisor>.Instance);
    }

    private TranscodeSession Session => Assert.Single(_supervisor.Sessions);

    public async ValueTask DisposeAsync()
    {
        _registry.Shutdown();
        await _supervisor.DisposeAsync();
        await _workers.DisposeAsync();
        Assert.Empty(_registry.Streams);
        _registry.Dispose();
        _pool.Dispose();
    }

    [Fact]
    public async Task The_worker_after_a_death_goes_on_from_the_last_picture_that_left()
    {
        var sink = await PublishAsync();
        var first = await RunningAsync();
        first.Picture(0, 0, keyframe: true);
        first.Picture(0, 33);
        first.Picture(1, 0, keyframe: true);
        await Eventual.HoldsAsync(() => Rendition("720p")?.Meter.VideoPackets == 2 && Rendition("480p")?.Meter.VideoPackets == 1);
        var (kept, player) = (Rendition("720p"), Rendition("720p")!.Feed.Subscribe());
        first.Die(128 + 11);

        var second = await _launcher.NextAsync();
        var job = await second.Job.WaitAsync(Patience);
        Assert.Equal([33, 0], job.Renditions.Select(r => r.ResumeVideoAfter.Milliseconds));
        await Eventual.HoldsAsync(() => second.Pictures.Contains(0));
        Assert.Equal(Reasons.WorkerDied, Session.Renditions[0].Reason.Code);
        Assert.Contains("signal 11", Session.Renditions[0].Reason.Detail, StringComparison.Ordinal);
        second.Start(0);
        second.Picture(0, 66, keyframe: true);
        await Eventual.HoldsAsync(() => kept!.Meter.VideoPackets == 3);
        Assert.Same(kept, Rendition("720p"));
        Assert.Equal(1, _supervisor.WorkerDeaths);

        // The same track again is the same object, so that no player is told of a change.
        var tracks = new List<Track>();
        while (player.TryRead(out var packet))
        {
            tracks.Add(packet.Track);
            packet.Release();
        }

        Assert.Equal(3, tracks.Count);
        Assert.All(tracks, track => Assert.Same(tracks[0], track));
        player.Dispose();
        sink.Complete(new Reason(Reasons.Unpublished, ""));
    }

    [Fact]
    public async Task Half_a_mini_GOP_stays_inside_and_leaves_no_trace_on_the_times_of_the_next_worker()
    {
        await PublishAsync();
        var first = await RunningAsync();
        first.Picture(0, 0, keyframe: true);
        first.Picture(0, 99, dts: 33, boundary: false);
        first.Picture(0, 66, dts: 60, boundary: false);
        first.Report(new RenditionReport(0, 3, 3, 0, 0, 0, 0));
        await Eventual.HoldsAsync(() => Session.Renditions[0].Report is not null);
        Assert.Equal(1, Rendition("720p")!.Meter.VideoPackets);
        first.Die(1);

        var second = await _launcher.NextAsync();
        Assert.Equal(0, (await second.Job.WaitAsync(Patience)).Renditions[0].ResumeVideoAfter.Milliseconds);
        second.Start(0);
        second.Picture(0, 33, dts: 33, keyframe: true);
        await Eventual.HoldsAsync(() => Rendition("720p")!.Meter.VideoPackets == 2);
        Assert.Equal(33, Rendition("720p")!.Feed.Newest.Milliseconds);
    }

    [Fact]
    public async Task The_end_of_the_source_is_drained_and_its_reason_is_the_renditions()
    {
        var sink = await PublishAsync();
        var worker = await RunningAsync();
        worker.Picture(0, 0, keyframe: true);
        await Eventual.HoldsAsync(() => Rendition("720p")?.Meter.VideoPackets == 1);
        var rendition = Rendition("720p")!;
        sink.Complete(new Reason(Reasons.Unpublished, "over"));
        await worker.SourceEnded.WaitAsync(Patience);
        worker.Picture(0, 33);
        worker.End(Reasons.SourceEnded);
        await Eventual.HoldsAsync(() => !_supervisor.Sessions.Any());
        Assert.Equal(2, rendition.Meter.VideoPackets);
        Assert.Equal(Reasons.Unpublished, rendition.EndReason.Code);
        Assert.True(worker.IsDisposed);
        Assert.Equal(0, _supervisor.WorkerDeaths);
    }

    [Fact]
    public async Task A_worker_that_still_reports_but_does_not_finish_does_not_hold_the_end()
    {
        var sink = await PublishAsync();
        var worker = await RunningAsync();
        sink.Complete(new Reason(Reasons.Unpublished, ""));
        await worker.SourceEnded.WaitAsync(Patience);
        await Eventual.HoldsAsync(() =>
        {
            if (!worker.IsKilled)
            {
                worker.Report();
            }

            _clock.Advance(TimeSpan.FromMilliseconds(200));
            return !_supervisor.Sessions.Any();
        });
        Assert.True(worker.IsKilled);
    }

    [Fact]
    public async Task A_silent_worker_is_killed_and_replaced()
    {
        await PublishAsync();
        var worker = await RunningAsync();
        await Eventual.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return worker.IsKilled;
        });
        await _launcher.NextAsync();
        await Eventual.HoldsAsync(() => Session.Renditions[0].Reason.Code == Reasons.WorkerHung);
    }

    [Theory]
    [InlineData(WorkerMessageType.Report, "{}")]
    [InlineData(WorkerMessageType.Report, "null")]
    [InlineData(WorkerMessageType.Track, "[]")]
    [InlineData(WorkerMessageType.RenditionStarted, "{\"Device\":null}")]
    [InlineData(WorkerMessageType.RenditionEnded, "{\"Code\":null,\"Detail\":null}")]
    [InlineData(WorkerMessageType.Ended, "what?")]
    public async Task A_message_that_makes_no_sense_costs_the_worker(WorkerMessageType type, string json)
    {
        await PublishAsync();
        var worker = await RunningAsync();
        var payload = System.Text.Encoding.UTF8.GetBytes(json);
        worker.SendRaw(new WorkerMessageHeader(payload.Length, type), payload);
        await _launcher.NextAsync();
        Assert.True(worker.IsDisposed);
    }

    [Fact]
    public async Task Rubbish_on_the_link_costs_the_worker()
    {
        await PublishAsync();
        var worker = await RunningAsync();
        worker.SendBytes(Enumerable.Repeat((byte)0xFF, 64).ToArray());
        await _launcher.NextAsync();
        Assert.True(worker.IsDisposed);
    }

    [Fact]
    public async Task Workers_that_keep_dying_are_replaced_more_and_more_slowly()
    {
        await PublishAsync();
        (await _launcher.NextAsync()).Die(1);
        (await _launcher.NextAsync()).Die(1);
        await Eventual.HoldsAsync(() => Session.WorkerDeaths == 2);
        Assert.Equal(2, _launcher.Count);
        await Eventual.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(250));
            return _launcher.Count == 3;
        });
    }

    [Fact]
    public async Task A_rendition_whose_encoder_failed_ends_alone_and_is_in_the_next_workers_job()
    {
        await PublishAsync();
        var first = await RunningAsync();
        await Eventual.HoldsAsync(() => Rendition("480p") is not null && Rendition("720p") is not null);
        var ended = Rendition("480p")!;
        first.EndRendition(1, new Reason(Reasons.EncoderFailed, "again and again"));
        await Eventual.HoldsAsync(() => ended.EndReason.Code == Reasons.EncoderFailed && Session.Renditions[1].State != RenditionState.Ended);
        await Eventual.HoldsAsync(() => Session.Renditions[1].State == RenditionState.Failed);
        Assert.Equal(RenditionState.Running, Session.Renditions[0].State);
        first.Die(1);
        var second = await _launcher.NextAsync();
        Assert.Equal(["720p", "480p"], (await second.Job.WaitAsync(Patience)).Renditions.Select(r => r.Spec.Name));
        second.Start(1);
        await Eventual.HoldsAsync(() => Rendition("480p") is { } again && again != ended);
    }

    [Fact]
    public async Task A_rendition_without_a_place_waits_and_starts_anew_in_the_same_worker()
    {
        await PublishAsync();
        var worker = await RunningAsync();
        worker.Picture(1, 0, keyframe: true);
        await Eventual.HoldsAsync(() => Rendition("480p")?.Meter.VideoPackets == 1 && Rendition("720p") is not null);
        var (other, ended) = (Rendition("720p")!, Rendition("480p")!);
        Ask(worker, 1);
        await Eventual.HoldsAsync(() => worker.Grants.Count == 1);
        worker.Send(WorkerMessageType.LeaseClosed, new LeaseClosed(worker.Grants.Single().Lease, LeaseOutcome.Released, 0, ""));
        worker.EndRendition(1, new Reason(Reasons.Preempted, "its place goes to another"));
        await Eventual.HoldsAsync(() => ended.EndReason.Code == Reasons.Preempted);
        await Eventual.HoldsAsync(() => Session.Renditions[1] is { State: RenditionState.Waiting, Reason.Code: Reasons.Preempted });

        // There is room on this machine: the worker is told so.
        await Eventual.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            _resources.Tick();
            return worker.Grants.Count(grant => grant is { Number: 1, Lease: not 0 }) > 1;
        });
        worker.Start(1);
        worker.Picture(1, 5000, keyframe: true);
        await Eventual.HoldsAsync(() => Rendition("480p")?.Meter.VideoPackets == 1);
        Assert.NotSame(ended, Rendition("480p"));
        Assert.Same(other, Rendition("720p"));
        Assert.Equal((RenditionState.Running, 2, 0), (Session.Renditions[1].State, Session.Renditions[1].FramesEncoded, Session.Renditions[1].Gaps.Count));
        Assert.Equal(1, _launcher.Count);
    }

    [Fact]
    public async Task A_worker_whose_renditions_all_wait_lives_until_the_source_ends()
    {
        var sink = await PublishAsync();
        var worker = await _launcher.NextAsync();
        await worker.Job.WaitAsync(Patience);
        _resources.Policy = new PlacementPolicy(["nvenc"]);
        Ask(worker, 0, 1);
        await Eventual.HoldsAsync(() => worker.Grants.Select(grant => (grant.Number, grant.Lease)).SequenceEqual([(0, 0L), (1, 0L)]));
        worker.EndRendition(0, new Reason(Reasons.SessionLimit, "full"));
        worker.EndRendition(1, new Reason(Reasons.EncoderFailed, "again and again"));
        await Eventual.HoldsAsync(() => Session.Renditions is [{ State: RenditionState.Waiting, Live: null }, { State: RenditionState.Failed }]);
        worker.Report();
        await Eventual.HoldsAsync(() => Session.Report is not null);
        Assert.False(worker.IsDisposed);
        var renditions = Session.Renditions;
        sink.Complete(new Reason(Reasons.Unpublished, ""));
        await worker.SourceEnded.WaitAsync(Patience);
        worker.End(Reasons.SourceEnded);
        await Eventual.HoldsAsync(() => !_supervisor.Sessions.Any());
        Assert.Equal([Reasons.SessionLimit, Reasons.EncoderFailed], renditions.Select(r => r.Reason.Code));
        Assert.All(renditions, r => Assert.Equal(RenditionState.Ended, r.State));
        Assert.Equal(1, _launcher.Count);
    }

    [Fact]
    public async Task A_worker_with_nothing_left_to_make_ends()
    {
        var sink = await PublishAsync();
        var worker = await _launcher.NextAsync();
        await worker.Job.WaitAsync(Patience);
        worker.EndRendition(0, new Reason(Reasons.NoUpscale, "small"));
        worker.EndRendition(1, new Reason(Reasons.NoUpscale, "small"));
        await Eventual.HoldsAsync(() => worker.IsDisposed);
        Assert.All(Session.Renditions, r => Assert.Equal(RenditionState.LeftOut, r.State));
        Assert.Equal(1, _launcher.Count);
        sink.Complete(new Reason(Reasons.Unpublished, ""));
        await Eventual.HoldsAsync(() => !_supervisor.Sessions.Any());
    }

    [Fact]
    public async Task A_republish_takes_the_names_from_renditions_that_still_drain()
    {
        var sink = await PublishAsync();
        var first = await RunningAsync();
        await Eventual.HoldsAsync(() => Rendition("720p") is not null && Rendition("480p") is not null);
        var draining = Rendition("720p")!;
        sink.Complete(new Reason(Reasons.Unpublished, ""));
        await first.SourceEnded.WaitAsync(Patience);

        await PublishAsync();
        await RunningAsync();
        await Eventual.HoldsAsync(() => Rendition("720p") is { } now && now != draining);
        first.End(Reasons.SourceEnded);
        await Eventual.HoldsAsync(() => draining.EndReason.Code is not null);
        Assert.Equal(default, Rendition("720p")!.EndReason);
    }

    [Fact]
    public async Task A_rendition_whose_name_another_stream_has_is_left_out()
    {
        var (other, _) = await _registry.PublishAsync(new AccessRequest("live", "show_480p", null, "peer"), default);
        Assert.NotNull(other);
        var theirs = await _launcher.NextAsync();
        await PublishAsync();
        var worker = await _launcher.NextAsync();
        await worker.Job.WaitAsync(Patience);
        worker.Start(0);
        worker.Start(1);
        await Eventual.HoldsAsync(() => _supervisor.Sessions.Any(s => s.Renditions[1].Reason.Code == Reasons.StreamBusy && s.Renditions[0].State == RenditionState.Running));
        Assert.False(theirs.IsKilled);
    }

    [Fact]
    public async Task Frames_are_accounted_for_over_all_workers()
    {
        await PublishAsync();
        var first = await RunningAsync();
        first.Report(new RenditionReport(0, 9, 3, 2, 1, 2, 0, 1));
        await Eventual.HoldsAsync(() => Session.Renditions[0].FramesIn == 9);
        for (var picture = 0; picture < 5; picture++)
        {
            // More than were reported: the last word is up to a second old when a worker dies.
            first.Picture(0, picture * 33, keyframe: picture == 0);
        }

        await Eventual.HoldsAsync(() => Session.Renditions[0].FramesEncoded == 5);
        first.Die(1);
        var second = await _launcher.NextAsync();
        await second.Job.WaitAsync(Patience);
        second.Report(new RenditionReport(0, 4, 2, 1, 0, 0, 0, 1));
        await Eventual.HoldsAsync(() => Session.Renditions[0].Report is not null);
        var rendition = Session.Renditions[0];
        Assert.Equal((13, 3, 1, 2), (rendition.FramesIn, rendition.FramesDroppedLate, rendition.FramesDroppedByPlan, rendition.FramesLost));
    }

    private static void Ask(FakeWorker worker, params int[] renditions) => worker.Send(WorkerMessageType.LeaseRequest, new LeaseRequest(
        DeviceRef.Cpu, 1280, 720, 30, [.. renditions.Select(number => new EncodeDemand(number, new VideoEncoderSettings(CodecId.H264, 640, 360 + number, 30, 500_000, RateControl.Cbr, 1000, "speed", "", "", 0, 60)))]));

    private LiveStream? Rendition(string name) => _registry.Find("live", $"show_{name}");

    private async Task<IPacketSink> PublishAsync()
    {
        var (sink, refusal) = await _registry.PublishAsync(new AccessRequest("live", "show", null, "peer"), default);
        Assert.True(sink is not null, refusal.ToString());
        await sink.WriteAsync(_pool.Video(0, keyframe: true), default);
        await sink.WriteAsync(_pool.Video(33), default);
        return sink;
    }

    /// <summary>The next worker, with both renditions open.</summary>
    private async Task<FakeWorker> RunningAsync()
    {
        var worker = await _launcher.NextAsync();
        await worker.Job.WaitAsync(Patience);
        worker.Start(0);
        worker.Start(1);
        return worker;
    }

    private sealed class Everybody : IAccessAuthorizer
    {
        public ValueTask<Reason?> AuthorizeAsync(AccessRequest request, CancellationToken cancellationToken) => default;
    }
}
