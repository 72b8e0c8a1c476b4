using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class FeedPaceTests : FeedPaceTest
{
    [Fact]
    public void Throughput_gives_at_once_all_that_came_in_280_ms()
    {
        using var player = Begin(FeedPace.Throughput);
        for (var i = 0; i < 7; i++)
        {
            Feed.Publish(Pool.Video(80 + (i * 40)));
            Pass(40);
        }

        Assert.Empty(player.Runs);
        Feed.Publish(Pool.Video(360));
        Assert.Equal(8, Assert.Single(player.Times).Length);
    }

    [Fact]
    public void Throughput_lets_go_by_the_tick_where_the_source_falls_silent()
    {
        using var player = Begin(FeedPace.Throughput);
        Feed.Publish(Pool.Video(80));
        Pass(279);
        Feed.Tick();
        Assert.Empty(player.Runs);
        Pass(1);
        Feed.Tick();
        Assert.Equal([[80]], player.Times);
    }

    [Fact]
    public void A_subscriber_that_has_had_nothing_yet_and_a_transcoder_are_not_held()
    {
        Feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Throughput }, Clock);
        using var player = Feed.Subscribe();
        using var transcoder = Feed.SubscribeTranscoder(MediaTime.Zero);
        var (first, fed) = (player.WaitToReadAsync(default), transcoder.WaitToReadAsync(default));
        Feed.Publish(Pool.Video(0, keyframe: true));
        Assert.True(Eventually(() => first.IsCompleted && fed.IsCompleted));
        Drain(player);
        Drain(transcoder);
        var (held, next) = (player.WaitToReadAsync(default), transcoder.WaitToReadAsync(default));
        Feed.Publish(Pool.Video(40));
        Assert.True(Eventually(() => next.IsCompleted));
        Assert.False(player.TryRead(out _));
        Assert.False(held.IsCompleted);
    }

    [Fact]
    public void Subscribers_that_are_level_are_given_the_same_run_and_one_that_is_behind_is_woken_for_packets()
    {
        using var level = Begin(FeedPace.Low);
        using var also = new Player(Feed.Subscribe());
        using var behind = new Player(Feed.Subscribe());
        Drain(also.Reader);
        also.WaitOn();
        Assert.True(behind.Reader.TryRead(out var first));
        first.Release();
        Assert.True(behind.Reader.WaitToReadAsync(default).IsCompleted);
        Feed.Publish(Pool.Video(80));
        Assert.Same(Assert.Single(level.Runs), Assert.Single(also.Runs));
        Assert.Empty(behind.Runs);
        Assert.Equal(2, Drain(behind.Reader));
        behind.WaitOn();
        Feed.Publish(Pool.Video(120));
        Assert.Equal([[120]], behind.Times);
        Assert.Equal([[80], [120]], level.Times);
        Assert.False(level.Reader.TryRead(out _));
    }

    [Fact]
    public void Who_does_not_take_a_run_is_woken_and_finds_its_packets()
    {
        using var player = Begin(FeedPace.Low);
        player.Takes = false;
        Feed.Publish(Pool.Video(80));
        Assert.True(Eventually(() => player.Wait.IsCompleted));
        Assert.Equal(1, Drain(player.Reader));
        player.Takes = true;
        player.WaitOn();
        Feed.Publish(Pool.Video(120));
        Assert.Equal([[120]], player.Times);
    }

    [Fact]
    public void What_is_published_while_a_run_is_given_out_follows_it()
    {
        using var player = Begin(FeedPace.Low);
        player.Taking = () =>
        {
            player.Taking = null;
            Feed.Publish(Pool.Video(120));
            Feed.Publish(Pool.Video(160));
        };
        Feed.Publish(Pool.Video(80));
        Assert.True(Eventually(() => player.Runs.Count == 3));
        Assert.Equal([[80], [120], [160]], player.Times);
        Assert.True(Eventually(() => Pool.RentedPackets == 5));
        Assert.False(player.Wait.IsCompleted);
    }

    [Fact]
    public async Task Who_leaves_while_a_run_is_given_out_is_told()
    {
        using var cancel = new CancellationTokenSource();
        using var player = Begin(FeedPace.Low, cancel.Token);
        player.Taking = cancel.Cancel;
        Feed.Publish(Pool.Video(80));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal([[80]], player.Times);
    }

    [Fact]
    public async Task A_stream_that_ends_while_a_run_is_given_out_is_told()
    {
        using var player = Begin(FeedPace.Low);
        player.Taking = () => Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Feed.Publish(Pool.Video(80));
        Assert.False(await player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal([[80]], player.Times);
    }

    [Fact]
    public void Subscribers_hear_of_a_run_some_at_a_time_before_they_are_given_it()
    {
        Feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Low }, Clock);
        Feed.Publish(Pool.Video(0, keyframe: true));
        Player[] players = [.. Enumerable.Range(0, 20).Select(_ => new Player(Feed.Subscribe()))];
        var heard = new List<int>();
        foreach (var player in players)
        {
            Drain(player.Reader);
            player.WaitOn();
            player.Taking = () =>
            {
                Assert.Equal(1, player.Approached);
                heard.Add(players.Sum(one => one.Approached));
            };
        }

        Feed.Publish(Pool.Video(40));
        Assert.All(players, player => Assert.Single(player.Runs));
        Assert.Equal([.. Enumerable.Repeat(8, 8), .. Enumerable.Repeat(16, 8), .. Enumerable.Repeat(20, 4)], heard);
        Array.ForEach(players, player => player.Dispose());
    }

    [Fact]
    public async Task Many_subscribers_get_every_packet_once_and_in_order()
    {
        const int Subscribers = 600;
        const int Packets = 200;
        Feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Low }, Clock);
        Feed.Publish(Pool.Video(0, keyframe: true));
        using var cancel = new CancellationTokenSource();
        Player[] players = [.. Enumerable.Range(0, Subscribers).Select(_ => new Player(Feed.Subscribe()))];
        Task[] reading = [.. players.Select((player, i) => player.ReadAllAsync(refuses: i % 7, cancel.Token))];
        for (var i = 1; i < Packets; i++)
        {
            Feed.Publish(Pool.Video(i));
        }

        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        await Task.WhenAll(reading).WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.All(players, player => Assert.Equal(Enumerable.Range(0, Packets).Select(i => (long)i), player.All));
        Assert.Contains(players, player => player.Runs.Count > 0);
        foreach (var player in players)
        {
            player.Dispose();
        }
    }

    [Fact]
    public async Task What_is_held_when_the_stream_ends_is_still_read()
    {
        using var player = Begin(FeedPace.Throughput);
        Feed.Publish(Pool.Video(80));
        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.True(await player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal(1, Drain(player.Reader));
    }

    [Fact]
    public async Task What_is_held_when_the_stream_ends_is_read_also_by_who_was_busy_then()
    {
        Feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Throughput }, Clock);
        using var reader = Feed.Subscribe();
        Feed.Publish(Pool.Video(0, keyframe: true));
        Drain(reader);
        Pass(300);
        Feed.Publish(Pool.Video(40));
        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.True(await reader.WaitToReadAsync(default));
        Assert.Equal(1, Drain(reader));
        Assert.False(await reader.WaitToReadAsync(default));
    }

    [Fact]
    public void A_stream_that_nobody_reads_keeps_what_a_new_subscriber_begins_with()
    {
        Feed = new StreamFeed(new FeedLimits { UnreadAfter = MediaTime.Zero }, Clock);
        for (var i = 0; i < 125; i++)
        {
            Feed.Publish(Pool.Video(i * 40, keyframe: i % 50 == 0));
        }

        // In one block.
        Assert.Equal((0, 1), (Pool.RentedPackets, Pool.RentedBuffers));
        using var reader = Feed.Subscribe();
        Assert.True(reader.TryRead(out var first));
        Assert.Equal((4000, true), (first.Dts.Milliseconds, first.IsKeyframe));
        first.Release();
        Assert.Equal(24, Drain(reader));
        Feed.Publish(Pool.Video(5000));
        Assert.Equal(1, Drain(reader));
    }

    [Fact]
    public void A_reader_that_has_left_finds_nothing_in_a_stream_that_nobody_reads()
    {
        Feed = new StreamFeed(new FeedLimits { UnreadAfter = MediaTime.Zero }, Clock);
        Feed.Publish(Pool.Video(0, keyframe: true));
        var reader = Feed.Subscribe();
        reader.Dispose();
        Feed.Publish(Pool.Video(40));
        Assert.False(reader.TryRead(out _));
        Assert.Equal(MediaTime.Zero, reader.Lag);
    }

    [Theory]
    [InlineData(45, 280)]
    [InlineData(115, 210)]
    [InlineData(400, 140)]
    public void Throughput_holds_for_less_where_the_last_of_many_would_have_its_packets_too_late(int delivery, int hold)
    {
        using var player = Begin(FeedPace.Throughput);
        player.Taking = () => Pass(delivery);
        Feed.Publish(Pool.Video(80));
        Pass(280);
        Feed.Publish(Pool.Video(360));
        player.Taking = null;
        Feed.Publish(Pool.Video(800));
        Pass(hold - 1);
        Feed.Publish(Pool.Video(801));
        Assert.Single(player.Runs);
        Pass(1);
        Feed.Publish(Pool.Video(802));
        Assert.Equal([[80, 360], [800, 801, 802]], player.Times);
    }

    [Fact]
    public void Throughput_forgets_a_slow_delivery_after_some_seconds()
    {
        using var player = Begin(FeedPace.Throughput);
        player.Taking = () => Pass(130);
        Feed.Publish(Pool.Video(80));
        Pass(280);
        Feed.Publish(Pool.Video(360));
        player.Taking = null;
        var time = PicturesEvery40Milliseconds(from: 800, count: 300);
        Pass(300);
        Feed.Tick();
        var before = player.Runs.Count;
        Feed.Publish(Pool.Video(time));
        Pass(279);
        Feed.Publish(Pool.Video(time + 279));
        Assert.Equal(before, player.Runs.Count);
    }

    [Fact]
    public void A_subscriber_that_never_reads_costs_theFeed_no_more_than_its_limits()
    {
        Feed = new StreamFeed(new FeedLimits { MaxPackets = 100 }, Clock);
        using var stuck = Feed.Subscribe();
        using var other = Feed.Subscribe();
        for (var i = 0; i < 1000; i++)
        {
            Feed.Publish(Pool.Video(i * 40, keyframe: i % 25 == 0));
            Assert.Equal(1, Drain(other));
        }

        Assert.InRange(Pool.RentedPackets, 1, 100);
        Assert.Equal(0, other.DroppedPackets);
    }
}
