using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class BalancedPaceTests : FeedPaceTest
{
    // The last of a hundred pictures, milliseconds.
    private const int Base = 4080;

    private readonly DateTimeOffset _began;

    public BalancedPaceTests() => _began = Clock.GetUtcNow();

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
        Feed.Publish(Pool.Video(Base + 40));
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
    public void AFeed_has_no_timer()
    {
        Feed = new StreamFeed(new FeedLimits { Pace = FeedPace.Balanced }, new TimerlessClock());
        using var player = new Player(Feed.Subscribe());
        for (var i = 0; i < 100; i++)
        {
            Feed.Publish(Pool.Video(i * 40, keyframe: i == 0));
            Drain(player.Reader);
            Feed.Publish(Pool.Audio((i * 40) + 35));
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
    public void Balanced_gathers_in_any_case_where_the_last_of_many_has_its_packets_late()
    {
        using var player = Begin(FeedPace.Balanced);
        player.Taking = () => Pass(16);
        var time = PicturesEvery40Milliseconds(from: 80, count: 100);
        player.Taking = null;
        Feed.Tick();
        var before = player.Runs.Count;
        Feed.Publish(Pool.Video(time));
        Pass(13);
        Feed.Publish(Pool.Video(time + 13));
        Assert.Equal(before, player.Runs.Count);
        Pass(1);
        Feed.Publish(Pool.Video(time + 14));
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
        Feed.Publish(Pool.Video(time));
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
        Feed.Publish(Pool.Video(time));
        Assert.Equal(time, player.All[^1]);
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
        Feed.Publish(Pool.Video(Base + time));
    }

    private void Audio(int time)
    {
        PassTo(time);
        Feed.Publish(Pool.Audio(Base + time));
    }

    private void PassTo(int time) => Clock.Advance(_began + TimeSpan.FromMilliseconds(Base + time) - Clock.GetUtcNow());

    private static IEnumerable<long[]> Since(Player player) => player.Times.Select(run => run.Select(time => time - Base).ToArray());

    /// <summary>Says how often a timer was set.</summary>
    private sealed class TimerlessClock : FakeTimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => throw new InvalidOperationException("a timer");
    }
}
