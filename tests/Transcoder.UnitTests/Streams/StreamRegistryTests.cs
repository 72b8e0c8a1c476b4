using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Streams;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class StreamRegistryTests : IDisposable
{
    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly KeyIsGood _authorizer = new();
    private readonly StreamRegistry _registry;

    public StreamRegistryTests() =>
        _registry = new StreamRegistry(app => app == "live" ? new AppPolicy() : null, _authorizer, _clock, NullLogger<StreamRegistry>.Instance);

    public void Dispose()
    {
        _registry.Shutdown();
        _registry.Dispose();
        _pool.Dispose();
    }

    [Theory]
    [InlineData("other", "show", "good", Reasons.UnknownApp)]
    [InlineData("live", "show", "bad", Reasons.BadKey)]
    [InlineData("live", "", "good", Reasons.BadName)]
    [InlineData("live", "a b", "good", Reasons.BadName)]
    [InlineData("live", "../etc", "good", Reasons.BadName)]
    public async Task A_publisher_is_refused_with_the_reason(string app, string stream, string key, string reason)
    {
        var (sink, refusal) = await _registry.PublishAsync(new AccessRequest(app, stream, key, "peer"), default);
        Assert.Null(sink);
        Assert.Equal(reason, refusal.Code);
    }

    /// <summary>Clients cut rtmp://h/live/a/b at different places.</summary>
    [Theory]
    [InlineData("live", "a/b", "live", "a/b")]
    [InlineData("live/a", "b", "live", "a/b")]
    [InlineData("live/a/b", "c", "live", "a/b/c")]
    public async Task A_path_that_is_cut_elsewhere_is_the_same_stream(string app, string stream, string expectedApp, string expectedStream)
    {
        var (sink, _) = await _registry.PublishAsync(new AccessRequest(app, stream, "good", "peer"), default);
        Assert.NotNull(sink);
        Assert.NotNull(_registry.Find(expectedApp, expectedStream));
        var (source, _) = await _registry.PlayAsync(new AccessRequest(app, stream, "good", "peer"), default);
        source!.Dispose();
    }

    [Fact]
    public async Task Who_cannot_read_a_source_is_told_its_renditions_in_H264()
    {
        var sink = await PublishAsync();
        await sink.WriteAsync(Hevc(), default);
        var name = StreamName.ForSource("live", "show");
        var good = _registry.OpenRendition(name.ForRendition("{stream}_{rendition}", "720p"), new AppPolicy())!;
        good.Publish(_pool.Video(0, keyframe: true));
        good.Publish(_pool.Audio(0));
        _registry.OpenRendition(name.ForRendition("{stream}_{rendition}", "hevc"), new AppPolicy())!.Publish(Hevc());
        Assert.Equal(["live/show_720p"], _registry.LegacyNames("live", "show"));
        Assert.Equal(["live/show_720p"], _registry.LegacyNames("live", "show_hevc"));
        Assert.Empty(_registry.LegacyNames("live", "nobody"));
        foreach (var stream in _registry.Streams.ToArray())
        {
            _registry.Close(stream, new Reason(Reasons.SourceEnded, ""));
        }

        Transcoder.Media.Packets.Packet Hevc() => Transcoder.Media.Packets.Packet.Copy(
            _pool, new Track(TrackKind.Video, CodecId.Hevc, new byte[] { 1 }), MediaTime.Zero, MediaTime.Zero, Transcoder.Media.Packets.PacketFlags.Keyframe, [1]);
    }

    [Fact]
    public async Task A_second_publisher_is_refused_while_the_first_sends_and_replaces_it_when_it_is_silent()
    {
        var first = await PublishAsync();
        await first.WriteAsync(_pool.Video(0, keyframe: true), default);
        var (none, refusal) = await _registry.PublishAsync(Request("second"), default);
        Assert.Null(none);
        Assert.Equal(Reasons.StreamBusy, refusal.Code);

        _clock.Advance(TimeSpan.FromSeconds(2.5));
        var (second, _) = await _registry.PublishAsync(Request("second"), default);
        Assert.NotNull(second);
        await Task.Delay(Timeout.Infinite, first.Closed).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.Equal(Reasons.PublisherReplaced, first.CloseReason.Code);

        // What the old connection still sends reaches nobody.
        await first.WriteAsync(_pool.Video(40), default);
        Assert.Equal(1, _registry.Find("live", "show")!.Meter.VideoPackets);
        first.Complete(new Reason(Reasons.ConnectionReset, ""));
        Assert.True(Assert.Single(_registry.Sources).HasPublisher);
    }

    [Theory]
    [InlineData(0, 3_000_000_000)]
    [InlineData(3_000_000_000, 0)]
    public async Task Data_that_come_first_take_the_time_of_the_first_media(long data, long media)
    {
        var sink = await PublishAsync();
        var feed = _registry.Find("live", "show")!.Feed;
        using var reader = feed.Subscribe();
        await sink.WriteAsync(_pool.Metadata(data), default);
        Assert.False(reader.TryRead(out _));
        await sink.WriteAsync(_pool.Video(media, keyframe: true), default);
        await sink.WriteAsync(_pool.Video(media + 40), default);
        Assert.Equal(media + 40, feed.Newest.Milliseconds);
        foreach (var (kind, time) in ((TrackKind, long)[])[(TrackKind.Data, media), (TrackKind.Video, media), (TrackKind.Video, media + 40)])
        {
            Assert.True(reader.TryRead(out var packet));
            Assert.Equal((kind, time), (packet.Track.Kind, packet.Dts.Milliseconds));
            packet.Release();
        }
    }

    [Fact]
    public async Task Data_without_media_are_kept_within_bounds_and_given_back()
    {
        var sink = await PublishAsync();
        for (var i = 0; i < 100; i++)
        {
            await sink.WriteAsync(_pool.Metadata(i), default);
        }

        Assert.Equal(16, _pool.RentedPackets);
        sink.Complete(new Reason(Reasons.ConnectionReset, ""));
        Assert.Equal(0, _pool.RentedPackets);
    }

    /// <summary>Who was asked to go elsewhere is served until it has gone; nobody new comes.</summary>
    [Fact]
    public async Task While_it_drains_nobody_begins_and_what_runs_goes_on()
    {
        var sink = await PublishAsync();
        await sink.WriteAsync(_pool.Video(0, keyframe: true), default);
        var feed = _registry.Find("live", "show")!.Feed;
        var waiting = _registry.PlayAsync(new AccessRequest("live", "later", "good", "viewer"), default).AsTask();
        _registry.Drain();
        Assert.Equal(Reasons.Shutdown, (await waiting.WaitAsync(TimeSpan.FromSeconds(5))).Refusal.Code);
        Assert.Equal(Reasons.Shutdown, (await _registry.PublishAsync(Request("second") with { Stream = "other" }, default)).Refusal.Code);
        Assert.Equal(Reasons.Shutdown, (await _registry.PlayAsync(Request("viewer"), default)).Refusal.Code);
        Assert.Equal(Reasons.Shutdown, _registry.WhyClosed("live")?.Code);

        await sink.WriteAsync(_pool.Video(40), default);
        Assert.Equal(40, feed.Newest.Milliseconds);
        sink.Complete(new Reason(Reasons.PublisherDisconnected, "gone without a goodbye"));
        Assert.Equal(Reasons.PublisherDisconnected, feed.EndReason.Code);
    }

    [Fact]
    public async Task Whoever_was_admitted_and_gets_nothing_of_it_is_told_of()
    {
        await PublishAsync();
        await _registry.PublishAsync(Request("second"), default);
        var late = _registry.PlayAsync(Request("viewer") with { Stream = "never" }, default).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(6));
        await late.WaitAsync(TimeSpan.FromSeconds(5));
        using var leaving = new CancellationTokenSource();
        var left = _registry.PlayAsync(Request("leaver") with { Stream = "never" }, leaving.Token).AsTask();
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left.WaitAsync(TimeSpan.FromSeconds(5)));
        Assert.Equal(
            [(AccessAction.Publish, "second", Reasons.StreamBusy), (AccessAction.Play, "viewer", Reasons.StreamNotFound), (AccessAction.Play, "leaver", Reasons.ClientClosed)],
            _authorizer.Told);
    }

    [Fact]
    public async Task A_publisher_that_we_hold_is_not_silent()
    {
        var first = await PublishAsync();
        var reader = _registry.Find("live", "show")!.Feed.SubscribeTranscoder(Transcoder.Media.Time.MediaTime.MinValue);
        await first.WriteAsync(_pool.Video(0, keyframe: true), default);
        var held = first.WriteAsync(_pool.Video(4000), default).AsTask();
        Assert.False(held.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(5));
        var (none, refusal) = await _registry.PublishAsync(Request("second"), default);
        Assert.Null(none);
        Assert.Equal(Reasons.StreamBusy, refusal.Code);
        reader.Dispose();
        await held.WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_lost_publisher_may_come_back_and_the_same_stream_goes_on()
    {
        var first = await PublishAsync();
        await first.WriteAsync(_pool.Video(1000, keyframe: true), default);
        var stream = _registry.Find("live", "show")!;
        first.Complete(new Reason(Reasons.ConnectionReset, "gone"));
        _clock.Advance(TimeSpan.FromSeconds(4));
        var second = await PublishAsync();
        await second.WriteAsync(_pool.Video(0, keyframe: true), default);
        Assert.Same(stream, _registry.Find("live", "show"));
        Assert.Equal(5000, stream.Feed.Newest.Milliseconds);
    }

    [Fact]
    public async Task A_lost_publisher_that_stays_away_ends_the_stream()
    {
        var first = await PublishAsync();
        var stream = _registry.Find("live", "show")!;
        first.Complete(new Reason(Reasons.ConnectionReset, "gone"));
        _clock.Advance(TimeSpan.FromSeconds(9));
        Assert.NotNull(_registry.Find("live", "show"));
        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Null(_registry.Find("live", "show"));
        Assert.Equal(Reasons.PublisherGone, stream.EndReason.Code);
    }

    [Fact]
    public async Task A_polite_end_ends_the_stream_at_once()
    {
        var sink = await PublishAsync();
        sink.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.Null(_registry.Find("live", "show"));
    }

    [Fact]
    public async Task A_player_waits_for_a_stream_that_is_about_to_start_and_no_longer_than_it_may()
    {
        var early = _registry.PlayAsync(Request("viewer"), default).AsTask();
        Assert.False(early.IsCompleted);
        await PublishAsync();
        var (source, _) = await early.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.NotNull(source);
        source.Dispose();

        var late = _registry.PlayAsync(new AccessRequest("live", "never", "good", "viewer"), default).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(6));
        var (none, refusal) = await late.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Null(none);
        Assert.Equal(Reasons.StreamNotFound, refusal.Code);
    }

    [Fact]
    public async Task A_name_that_is_a_rendition_cannot_be_published()
    {
        await PublishAsync();
        var name = StreamName.ForSource("live", "show").ForRendition("{stream}_{rendition}", "720p");
        Assert.NotNull(_registry.OpenRendition(name, new AppPolicy()));
        var (sink, refusal) = await _registry.PublishAsync(new AccessRequest("live", "show_720p", "good", "peer"), default);
        Assert.Null(sink);
        Assert.Equal(Reasons.RenditionName, refusal.Code);
        _registry.Close(_registry.Find("live", "show_720p")!, default);
    }

    private static AccessRequest Request(string peer) => new("live", "show", "good", peer);

    private async Task<IPacketSink> PublishAsync()
    {
        var (sink, refusal) = await _registry.PublishAsync(Request("first"), default);
        Assert.True(sink is not null, refusal.ToString());
        return sink;
    }

    private sealed class KeyIsGood : IAccessAuthorizer
    {
        public List<(AccessAction, string, string)> Told { get; } = [];

        public ValueTask<Reason?> AuthorizeAsync(AccessRequest request, CancellationToken cancellationToken) =>
            ValueTask.FromResult<Reason?>(request.Key == "good" ? null : new Reason(Reasons.BadKey, ""));

        public void Unused(AccessRequest request, Reason reason) => Told.Add((request.Action, request.RemoteAddress, reason.Code));
    }
}
