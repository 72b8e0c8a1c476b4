using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class FeedPaceTests : IDisposable
{
    // The last of a hundred pictures, milliseconds.
    private const int Base = 4080;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TrackingBufferPool _pool = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly DateTimeOffset _began;
    private StreamFeed? _feed;

    public FeedPaceTests() => _began = _clock.GetUtcNow();

    public void Dispose()
    {
        _feed?.Complete(new Reason(Reasons.SourceEnded, ""));
        _pool.Dispose();
    }

    [Fact]
    public void Balanced_holds_sound_for_the_picture_that_is_due_and_both_leave_as_one_run()
    {
        using var player = BeginAmongMany();
        Audio(33);
        Assert.Empty(player.Runs);
        Video(40);
        Assert.Equal([[33, 40]], Since(player));
        Assert.False(player.Wait.IsCompleted);
    }

    [Fact]
    public void Balanced_holds_a_picture_for_the_sound_that_is_due()
    {
        using var player = BeginAmongMany();
        Audio(9);
        Audio(25);
        Video(40);
        Assert.Equal([[9], [25]], Since(player));
        Audio(41);
        Assert.Equal([[9], [25], [40, 41]], Since(player));
    }

    [Fact]
    public void Balanced_holds_no_sound_when_the_next_picture_is_far()
    {
        using var player = BeginAmongMany();
        Audio(32);
        Assert.Equal([[32]], Since(player));
    }

    [Fact]
    public void Balanced_holds_for_three_deliveries_where_fewer_watch()
    {
        // The average of a hundred that take a millisecond is not quite one.
        using var player = BeginAmongMany(delivery: 1);
        Audio(37);
        Assert.Equal([[37]], Since(player));
        Audio(38);
        Assert.Equal([[37]], Since(player));
        Video(40);
        Assert.Equal([[37], [38, 40]], Since(player));
    }

    [Fact]
    public void Balanced_holds_nothing_where_a_delivery_takes_no_time()
    {
        using var player = BeginAmongMany(delivery: 0);
        Audio(39);
        Assert.Equal([[39]], Since(player));
    }

    [Fact]
    public void A_picture_that_was_late_is_no_reason_to_wait_for_the_next_one_later()
    {
        using var player = BeginAmongMany();
        PassTo(46);
        Feed.Publish(_pool.Video(Base + 40));
        Audio(74);
        Assert.Equal([[40]], Since(player));
        Video(80);
        Assert.Equal([[40], [74, 80]], Since(player));
    }

    [Fact]
    public void A_picture_that_does_not_come_holds_sound_until_the_next_packet()
    {
        using var player = BeginAmongMany();
        Audio(34);
        Audio(40);
        Assert.Empty(player.Runs);
        Audio(41);
        Assert.Equal([[34, 40, 41]], Since(player));
    }

    [Fact]
    public void Where_nothing_more_comes_the_registrys_tick_lets_go_what_was_held_long_enough()
    {
        using var player = BeginAmongMany();
        Audio(34);
        PassTo(40);
        Feed.Tick();
        Assert.Empty(player.Runs);
        PassTo(41);
        Feed.Tick();
        Assert.Equal([[34]], Since(player));
        Feed.Tick();
        Assert.Single(player.Runs);
    }

    [Fact]
    public void A_feed_has_no_timer()
    {
        _feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Balanced }, new TimerlessClock());
        using var player = new Player(Feed.Subscribe());
        for (var i = 0; i < 100; i++)
        {
            Feed.Publish(_pool.Video(i * 40, keyframe: i == 0));
            Drain(player.Reader);
            Feed.Publish(_pool.Audio((i * 40) + 35));
        }
    }

    [Fact]
    public void Balanced_waits_for_no_picture_from_a_source_that_has_stopped_sending_any()
    {
        using var player = BeginAmongMany();
        Audio(47);
        Assert.Equal([[47]], Since(player));
    }

    [Fact]
    public void Nothing_is_held_that_nobody_waits_for()
    {
        BeginAmongMany().Dispose();
        Audio(39);
        Assert.Equal(Feed.Head, Feed.Released);
    }

    [Fact]
    public void Throughput_gives_at_once_all_that_came_in_280_ms()
    {
        using var player = Begin(FeedPace.Throughput);
        for (var i = 0; i < 7; i++)
        {
            Feed.Publish(_pool.Video(80 + (i * 40)));
            Pass(40);
        }

        Assert.Empty(player.Runs);
        Feed.Publish(_pool.Video(360));
        Assert.Equal(8, Assert.Single(player.Times).Length);
    }

    [Fact]
    public void Throughput_lets_go_by_the_tick_where_the_source_falls_silent()
    {
        using var player = Begin(FeedPace.Throughput);
        Feed.Publish(_pool.Video(80));
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
        Feed.Publish(_pool.Video(80));
        Assert.Same(Assert.Single(level.Runs), Assert.Single(also.Runs));
        Assert.Empty(behind.Runs);
        Assert.Equal(2, Drain(behind.Reader));
        behind.WaitOn();
        Feed.Publish(_pool.Video(120));
        Assert.Equal([[120]], behind.Times);
        Assert.Equal([[80], [120]], level.Times);
        Assert.False(level.Reader.TryRead(out _));
    }

    [Fact]
    public void Who_does_not_take_a_run_is_woken_and_finds_its_packets()
    {
        using var player = Begin(FeedPace.Low);
        player.Takes = false;
        Feed.Publish(_pool.Video(80));
        Assert.True(Eventually(() => player.Wait.IsCompleted));
        Assert.Equal(1, Drain(player.Reader));
        player.Takes = true;
        player.WaitOn();
        Feed.Publish(_pool.Video(120));
        Assert.Equal([[120]], player.Times);
    }

    [Fact]
    public void What_is_published_while_a_run_is_given_out_follows_it()
    {
        using var player = Begin(FeedPace.Low);
        player.Taking = () =>
        {
            player.Taking = null;
            Feed.Publish(_pool.Video(120));
            Feed.Publish(_pool.Video(160));
        };
        Feed.Publish(_pool.Video(80));
        Assert.True(Eventually(() => player.Runs.Count == 3));
        Assert.Equal([[80], [120], [160]], player.Times);
        Assert.True(Eventually(() => _pool.RentedPackets == 5));
        Assert.False(player.Wait.IsCompleted);
    }

    [Fact]
    public async Task Who_leaves_while_a_run_is_given_out_is_told()
    {
        using var cancel = new CancellationTokenSource();
        using var player = Begin(FeedPace.Low, cancel.Token);
        player.Taking = cancel.Cancel;
        Feed.Publish(_pool.Video(80));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal([[80]], player.Times);
    }

    [Fact]
    public async Task A_stream_that_ends_while_a_run_is_given_out_is_told()
    {
        using var player = Begin(FeedPace.Low);
        player.Taking = () => Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Feed.Publish(_pool.Video(80));
        Assert.False(await player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal([[80]], player.Times);
    }

    [Fact]
    public void Subscribers_hear_of_a_run_some_at_a_time_before_they_are_given_it()
    {
        _feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Low }, _clock);
        Feed.Publish(_pool.Video(0, keyframe: true));
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

        Feed.Publish(_pool.Video(40));
        Assert.All(players, player => Assert.Single(player.Runs));
        Assert.Equal([.. Enumerable.Repeat(8, 8), .. Enumerable.Repeat(16, 8), .. Enumerable.Repeat(20, 4)], heard);
        Array.ForEach(players, player => player.Dispose());
    }

    [Fact]
    public async Task Many_subscribers_get_every_packet_once_and_in_order()
    {
        const int Subscribers = 600;
        const int Packets = 200;
        _feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Low }, _clock);
        Feed.Publish(_pool.Video(0, keyframe: true));
        using var cancel = new CancellationTokenSource();
        Player[] players = [.. Enumerable.Range(0, Subscribers).Select(_ => new Player(Feed.Subscribe()))];
        Task[] reading = [.. players.Select((player, i) => player.ReadAllAsync(refuses: i % 7, cancel.Token))];
        for (var i = 1; i < Packets; i++)
        {
            Feed.Publish(_pool.Video(i));
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
        Feed.Publish(_pool.Video(80));
        Feed.Complete(new Reason(Reasons.Unpublished, ""));
        Assert.True(await player.Wait.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.Equal(1, Drain(player.Reader));
    }

    [Fact]
    public async Task What_is_held_when_the_stream_ends_is_read_also_by_who_was_busy_then()
    {
        _feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Throughput }, _clock);
        using var reader = Feed.Subscribe();
        Feed.Publish(_pool.Video(0, keyframe: true));
        Drain(reader);
        Pass(300);
        Feed.Publish(_pool.Video(40));
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

        // In one block.
        Assert.Equal((0, 1), (_pool.RentedPackets, _pool.RentedBuffers));
        using var reader = Feed.Subscribe();
        Assert.True(reader.TryRead(out var first));
        Assert.Equal((4000, true), (first.Dts.Milliseconds, first.IsKeyframe));
        first.Release();
        Assert.Equal(24, Drain(reader));
        Feed.Publish(_pool.Video(5000));
        Assert.Equal(1, Drain(reader));
    }

    [Fact]
    public void A_reader_that_has_left_finds_nothing_in_a_stream_that_nobody_reads()
    {
        _feed = new StreamFeed(new FeedLimits { UnreadAfter = MediaTime.Zero }, _clock);
        Feed.Publish(_pool.Video(0, keyframe: true));
        var reader = Feed.Subscribe();
        reader.Dispose();
        Feed.Publish(_pool.Video(40));
        Assert.False(reader.TryRead(out _));
        Assert.Equal(MediaTime.Zero, reader.Lag);
    }

    [Fact]
    public void Balanced_gathers_in_any_case_where_the_last_of_many_has_its_packets_late()
    {
        using var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(16);
        var time = PicturesEvery40Milliseconds(from: 80, count: 100);
        player.Taking = null;
        Feed.Tick();
        var before = player.Runs.Count;
        Feed.Publish(_pool.Video(time));
        Pass(13);
        Feed.Publish(_pool.Video(time + 13));
        Assert.Equal(before, player.Runs.Count);
        Pass(1);
        Feed.Publish(_pool.Video(time + 14));
        Assert.Equal([[time, time + 13, time + 14]], player.Times.Skip(before));
    }

    [Fact]
    public void Balanced_gathers_no_more_when_deliveries_are_short_again()
    {
        using var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(16);
        var time = PicturesEvery40Milliseconds(from: 80, count: 100);
        player.Taking = () => Pass(11);
        time = PicturesEvery40Milliseconds(from: time, count: 100);
        Feed.Publish(_pool.Video(time));
        Assert.Equal(time, player.All[^1]);
    }

    [Fact]
    public void Balanced_begins_to_gather_at_longer_deliveries_than_it_goes_on_with()
    {
        using var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(13);
        var time = PicturesEvery40Milliseconds(from: 80, count: 100);
        Assert.All(player.Times, run => Assert.Single(run));
        player.Taking = () => Pass(16);
        time = PicturesEvery40Milliseconds(from: time, count: 100);
        player.Taking = () => Pass(13);
        PicturesEvery40Milliseconds(from: time, count: 100);
        Assert.All(player.Times.TakeLast(40), run => Assert.Equal(2, run.Length));
    }

    [Fact]
    public void A_few_keyframes_that_take_long_do_not_make_balanced_gather()
    {
        using var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(200);
        var time = PicturesEvery40Milliseconds(from: 80, count: 5);
        player.Taking = null;
        Feed.Publish(_pool.Video(time));
        Assert.Equal(time, player.All[^1]);
    }

    [Theory]
    [InlineData(45, 280)]
    [InlineData(115, 210)]
    [InlineData(400, 140)]
    public void Throughput_holds_for_less_where_the_last_of_many_would_have_its_packets_too_late(int delivery, int hold)
    {
        using var player = Begin(FeedPace.Throughput);
        player.Taking = () => Pass(delivery);
        Feed.Publish(_pool.Video(80));
        Pass(280);
        Feed.Publish(_pool.Video(360));
        player.Taking = null;
        Feed.Publish(_pool.Video(800));
        Pass(hold - 1);
        Feed.Publish(_pool.Video(801));
        Assert.Single(player.Runs);
        Pass(1);
        Feed.Publish(_pool.Video(802));
        Assert.Equal([[80, 360], [800, 801, 802]], player.Times);
    }

    [Fact]
    public void Throughput_forgets_a_slow_delivery_after_some_seconds()
    {
        using var player = Begin(FeedPace.Throughput);
        player.Taking = () => Pass(130);
        Feed.Publish(_pool.Video(80));
        Pass(280);
        Feed.Publish(_pool.Video(360));
        player.Taking = null;
        var time = PicturesEvery40Milliseconds(from: 800, count: 300);
        Pass(300);
        Feed.Tick();
        var before = player.Runs.Count;
        Feed.Publish(_pool.Video(time));
        Pass(279);
        Feed.Publish(_pool.Video(time + 279));
        Assert.Equal(before, player.Runs.Count);
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
            Assert.Equal(1, Drain(other));
        }

        Assert.InRange(_pool.RentedPackets, 1, 100);
        Assert.Equal(0, other.DroppedPackets);
    }

    private StreamFeed Feed => _feed!;

    /// <summary>Two pictures 40 ms apart have been read; the clock stands at the second, and the player waits.</summary>
    private Player Begin(FeedPace pace, CancellationToken cancellationToken = default)
    {
        _feed = new StreamFeed(new FeedLimits { Pace = pace }, _clock);
        var player = new Player(Feed.Subscribe());
        Feed.Publish(_pool.Video(0, keyframe: true));
        Pass(40);
        Feed.Publish(_pool.Video(40));
        Drain(player.Reader);
        Pass(pace.Always ? 300 : 0);
        player.WaitOn(cancellationToken);
        return player;
    }

    /// <summary>As <see cref="Begin"/> with balanced, and a hundred pictures later, each of which took <paramref name="delivery"/> milliseconds to be delivered; times are counted from the last one's.</summary>
    private Player BeginAmongMany(int delivery = 3)
    {
        var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(delivery);
        for (var time = 80; time <= Base; time += 40)
        {
            Video(time - Base);
        }

        player.Taking = null;
        player.Forget();
        return player;
    }

    private void Video(int time)
    {
        PassTo(time);
        Feed.Publish(_pool.Video(Base + time));
    }

    private void Audio(int time)
    {
        PassTo(time);
        Feed.Publish(_pool.Audio(Base + time));
    }

    private void PassTo(int time) => _clock.Advance(_began + TimeSpan.FromMilliseconds(Base + time) - _clock.GetUtcNow());

    private static IEnumerable<long[]> Since(Player player) => player.Times.Select(run => run.Select(time => time - Base).ToArray());

    /// <returns>The time of the next one.</returns>
    private int PicturesEvery40Milliseconds(int from, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Feed.Publish(_pool.Video(from + (i * 40)));
            Pass(40);
        }

        return from + (count * 40);
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

    private static bool Eventually(Func<bool> condition) => SpinWait.SpinUntil(condition, Patience);

    /// <summary>A subscriber that takes what it is given, and keeps it.</summary>
    private sealed class Player : IRunReceiver, IDisposable
    {
        public Player(FeedReader reader)
        {
            Reader = reader;
            reader.DeliverTo(this);
        }

        public FeedReader Reader { get; }

        public Task<bool> Wait { get; private set; } = Task.FromResult(true);

        public List<PacketRun> Runs { get; } = [];

        public IEnumerable<long[]> Times => Runs.Select(run => run.Packets.Select(packet => packet.Dts.Milliseconds).ToArray());

        /// <summary>All times, however they came.</summary>
        public List<long> All { get; } = [];

        public bool Takes { get; set; } = true;

        /// <summary>Runs that it has been told of, taken or not.</summary>
        public int Approached { get; private set; }

        /// <summary>What happens meanwhile.</summary>
        public Action? Taking { get; set; }

        public void Approach() => Approached++;

        public bool TryTake(PacketRun run)
        {
            Taking?.Invoke();
            if (!Takes)
            {
                return false;
            }

            run.AddReference();
            Runs.Add(run);
            All.AddRange(run.Packets.Select(packet => packet.Dts.Milliseconds));
            return true;
        }

        public void WaitOn(CancellationToken cancellationToken = default) => Wait = Reader.WaitToReadAsync(cancellationToken).AsTask();

        /// <param name="refuses">One of so many runs is not taken; 0: none.</param>
        public async Task ReadAllAsync(int refuses, CancellationToken cancellationToken)
        {
            var asked = 0;
            Taking = () => Takes = refuses == 0 || ++asked % refuses != 0;
            while (await Reader.WaitToReadAsync(cancellationToken))
            {
                while (Reader.TryRead(out var packet))
                {
                    All.Add(packet.Dts.Milliseconds);
                    packet.Release();
                }
            }
        }

        public void Forget()
        {
            Runs.ForEach(run => run.Release());
            Runs.Clear();
        }

        public void Dispose()
        {
            Forget();
            Reader.Dispose();
        }
    }

    /// <summary>Says how often a timer was set.</summary>
    private sealed class TimerlessClock : FakeTimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => throw new InvalidOperationException("a timer");
    }
}
