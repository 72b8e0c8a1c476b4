using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class FeedPaceTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private StreamFeed? _feed;

    public void Dispose()
    {
        _feed?.Complete(new Reason(Reasons.SourceEnded, ""));
        _pool.Dispose();
    }

    [Fact]
    public async Task Balanced_holds_sound_for_the_picture_that_is_due_and_both_leave_as_one_run()
    {
        using var reader = Begin(FeedPace.Balanced);
        var wait = reader.WaitToReadAsync(default).AsTask();
        Pass(20);
        Feed.Publish(_pool.Audio(60));
        Assert.False(reader.TryReadRun(out _));
        Pass(20);
        Feed.Publish(_pool.Video(80));
        Assert.True(await wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.True(reader.TryReadRun(out var run));
        Assert.Equal([60, 80], run.Packets.Select(packet => packet.Dts.Milliseconds));
        run.Release();
        Assert.False(reader.TryRead(out _));
    }

    [Fact]
    public void Where_nobody_reads_no_timer_runs()
    {
        var clock = new CountingClock();
        foreach (var pace in new[] { FeedPace.Balanced, FeedPace.Throughput })
        {
            var feed = new StreamFeed(new FeedLimits { Pace = pace }, clock);
            for (var time = 0; time < 1_000; time += 40)
            {
                feed.Publish(_pool.Video(time, keyframe: time == 0));
                clock.Advance(TimeSpan.FromMilliseconds(20));
                feed.Publish(_pool.Audio(time + 20));
                clock.Advance(TimeSpan.FromMilliseconds(20));
            }

            feed.Complete(new Reason(Reasons.SourceEnded, ""));
        }

        Assert.Equal(0, clock.Started);
    }

    [Fact]
    public void Balanced_holds_no_sound_when_the_next_picture_is_far()
    {
        using var reader = Begin(FeedPace.Balanced);
        var wait = reader.WaitToReadAsync(default);
        Pass(10);
        Feed.Publish(_pool.Audio(50));
        Assert.True(Eventually(() => wait.IsCompleted));
    }

    [Fact]
    public void Balanced_holds_sound_no_longer_than_25_ms()
    {
        using var reader = Begin(FeedPace.Balanced);
        var wait = reader.WaitToReadAsync(default);
        Pass(30);
        Feed.Publish(_pool.Audio(70));
        Pass(24);
        Assert.False(reader.TryReadRun(out _));
        Pass(1);
        Assert.True(Eventually(() => wait.IsCompleted));
    }

    [Fact]
    public void Balanced_waits_for_no_picture_from_a_source_that_has_stopped_sending_any()
    {
        using var reader = Begin(FeedPace.Balanced);
        var wait = reader.WaitToReadAsync(default);
        Pass(100);
        Feed.Publish(_pool.Audio(140));
        Assert.True(Eventually(() => wait.IsCompleted));
    }

    [Fact]
    public void Throughput_wakes_once_for_all_that_came_in_300_ms()
    {
        using var reader = Begin(FeedPace.Throughput);
        var wait = reader.WaitToReadAsync(default);
        for (var i = 0; i < 7; i++)
        {
            Feed.Publish(_pool.Video(80 + (i * 40)));
            Pass(40);
        }

        Assert.False(reader.TryReadRun(out _));
        Pass(20);
        Assert.True(Eventually(() => wait.IsCompleted));
        Assert.True(reader.TryReadRun(out var run));
        Assert.Equal(7, run.Packets.Count);
        run.Release();
    }

    [Fact]
    public void A_subscriber_that_has_had_nothing_yet_and_a_transcoder_are_not_held()
    {
        _feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Throughput }, _clock);
        using var player = Feed.Subscribe();
        using var transcoder = Feed.SubscribeTranscoder(MediaTime.Zero);
        var (first, fed) = (player.WaitToReadAsync(default), transcoder.WaitToReadAsync(default));
        Feed.Publish(_pool.Video(0, keyframe: true));
        Assert.True(Eventually(() => first.IsCompleted && fed.IsCompleted));
        Drain(player);
        Drain(transcoder);
        var (held, next) = (player.WaitToReadAsync(default), transcoder.WaitToReadAsync(default));
        Feed.Publish(_pool.Video(40));
        Assert.True(Eventually(() => next.IsCompleted));
        Assert.False(player.TryReadRun(out _));
        Assert.False(held.IsCompleted);
    }

    [Fact]
    public void Subscribers_that_are_level_read_the_same_run_and_one_that_is_behind_reads_packets()
    {
        using var level = Begin(FeedPace.Low);
        using var also = Feed.Subscribe();
        using var behind = Feed.Subscribe();
        Drain(also);
        Assert.True(behind.TryRead(out var first));
        first.Release();
        Feed.Publish(_pool.Video(80));
        Assert.True(level.TryReadRun(out var run));
        Assert.True(also.TryReadRun(out var same));
        Assert.Same(run, same);
        Assert.False(behind.TryReadRun(out _));
        Assert.Equal(2, Drain(behind));
        run.Release();
        same.Release();
    }

    [Fact]
    public async Task What_is_held_when_the_stream_ends_is_still_read()
    {
        using var reader = Begin(FeedPace.Throughput);
        var wait = reader.WaitToReadAsync(default).AsTask();
        Feed.Publish(_pool.Video(80));
        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.True(await wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal(1, Drain(reader));
    }

    [Fact]
    public async Task What_is_held_when_the_stream_ends_is_read_also_by_who_was_busy_then()
    {
        using var reader = Begin(FeedPace.Throughput);
        Feed.Publish(_pool.Video(80));
        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.True(await reader.WaitToReadAsync(default));
        Assert.Equal(1, Drain(reader));
        Assert.False(await reader.WaitToReadAsync(default));
    }

    [Fact]
    public void A_stream_that_nobody_reads_keeps_what_a_new_subscriber_begins_with()
    {
        _feed = new StreamFeed(new FeedLimits { UnreadAfter = MediaTime.Zero }, _clock);
        for (var i = 0; i < 125; i++)
        {
            Feed.Publish(_pool.Video(i * 40, keyframe: i % 50 == 0));
        }

        Assert.Equal(25, _pool.RentedPackets);
        using var reader = Feed.Subscribe();
        Assert.True(reader.TryRead(out var first));
        Assert.Equal((4000, true), (first.Dts.Milliseconds, first.IsKeyframe));
        first.Release();
    }

    [Fact]
    public void A_subscriber_that_never_reads_costs_the_feed_no_more_than_its_limits()
    {
        _feed = new StreamFeed(new FeedLimits { MaxPackets = 100 }, _clock);
        using var stuck = Feed.Subscribe();
        using var other = Feed.Subscribe();
        for (var i = 0; i < 1000; i++)
        {
            Feed.Publish(_pool.Video(i * 40, keyframe: i % 25 == 0));
            Assert.Equal(1, other.TryReadRun(out var run) ? Release(run) : Drain(other));
        }

        Assert.InRange(_pool.RentedPackets, 1, 100);
        Assert.Equal(0, other.DroppedPackets);
    }

    private StreamFeed Feed => _feed!;

    /// <summary>Two pictures 40 ms apart have been read; the clock stands at the second.</summary>
    private FeedReader Begin(FeedPace pace)
    {
        _feed = new StreamFeed(new FeedLimits { Pace = pace }, _clock);
        var reader = Feed.Subscribe();
        Feed.Publish(_pool.Video(0, keyframe: true));
        Pass(40);
        Feed.Publish(_pool.Video(40));
        Drain(reader);
        Pass(pace.HoldsPictures ? 300 : 0);
        return reader;
    }

    private void Pass(int milliseconds) => _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));

    private static int Drain(FeedReader reader)
    {
        var packets = 0;
        for (; reader.TryRead(out var packet); packets++)
        {
            packet.Release();
        }

        return packets;
    }

    private static int Release(PacketRun run)
    {
        var packets = run.Packets.Count;
        run.Release();
        return packets;
    }

    private static bool Eventually(Func<bool> condition) => SpinWait.SpinUntil(condition, Patience);

    private sealed class CountingClock : FakeTimeProvider
    {
        public int Started { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new CountingTimer(this, base.CreateTimer(callback, state, dueTime, period));

        private sealed class CountingTimer(CountingClock clock, ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock.Started += dueTime == Timeout.InfiniteTimeSpan ? 0 : 1;
                return timer.Change(dueTime, period);
            }

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
