using System.Diagnostics;
using Transcoder.Rtmp.Connections;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Connections;

public sealed class TurnTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private Turn _turn = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void One_has_it_until_it_is_given_back()
    {
        Assert.True(_turn.TryTake());
        Assert.False(_turn.TryTake());
        _turn.GiveBack();
        Assert.True(_turn.TryTake());
    }

    [Fact]
    public async Task Those_who_wait_get_it_in_their_order_and_before_any_other()
    {
        Assert.True(_turn.TryTake());
        var first = _turn.TakeAsync(Stop).AsTask();
        var second = _turn.TakeAsync(Stop).AsTask();
        _turn.GiveBack();
        await first.WaitAsync(Patience, Stop);
        Assert.False(_turn.TryTake());
        Assert.False(second.IsCompleted);
        _turn.GiveBack();
        await second.WaitAsync(Patience, Stop);
        _turn.GiveBack();
        Assert.True(_turn.TryTake());
    }

    [Fact]
    public async Task Who_has_given_up_is_passed_over()
    {
        using var patience = new CancellationTokenSource();
        Assert.True(_turn.TryTake());
        var first = _turn.TakeAsync(patience.Token).AsTask();
        var second = _turn.TakeAsync(Stop).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.WaitAsync(Patience, Stop));
        _turn.GiveBack();
        await second.WaitAsync(Patience, Stop);
        _turn.GiveBack();
        Assert.True(_turn.TryTake());
    }

    [Fact]
    public async Task Where_all_have_given_up_it_is_free_again()
    {
        using var patience = new CancellationTokenSource();
        Assert.True(_turn.TryTake());
        var wait = _turn.TakeAsync(patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait.WaitAsync(Patience, Stop));
        _turn.GiveBack();
        Assert.True(_turn.TryTake());
        _turn.GiveBack();
        Assert.True(_turn.TryTake());
    }

    [Fact]
    public async Task Who_is_no_longer_wanted_does_not_get_it_though_it_is_free()
    {
        using var over = new CancellationTokenSource();
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _turn.TakeAsync(over.Token));
        Assert.True(_turn.TryTake());
    }

    [Fact]
    public async Task Who_begins_to_wait_as_it_is_given_back_gets_it()
    {
        // Some 50,000 rounds on an idle machine; on a loaded one each may take a time slice.
        var enough = TimeSpan.FromSeconds(3);
        var (round, done, over) = (0, 0, false);
        async Task WaitForItAsync()
        {
            for (var i = 1; ; i++)
            {
                Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref round) == i || Volatile.Read(ref over), Patience));
                if (Volatile.Read(ref over))
                {
                    return;
                }

                await _turn.TakeAsync(Stop).AsTask().WaitAsync(Patience, Stop);
                _turn.GiveBack();
                Volatile.Write(ref done, i);
            }
        }

        var waiting = Task.Run(WaitForItAsync, Stop);
        var started = Stopwatch.GetTimestamp();
        for (var i = 1; Stopwatch.GetElapsedTime(started) < enough && !waiting.IsCompleted; i++)
        {
            Assert.True(_turn.TryTake());
            Volatile.Write(ref round, i);
            Thread.SpinWait(i % 64);
            _turn.GiveBack();
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref done) == i || waiting.IsCompleted, Patience));
        }

        Volatile.Write(ref over, true);
        await waiting;
    }

    [Fact]
    public async Task Many_at_once_have_it_one_at_a_time_and_nobody_is_forgotten()
    {
        const int Rounds = 50_000;
        var (inside, overlaps, turns) = (0, 0, 0);
        void Use()
        {
            overlaps += Interlocked.Increment(ref inside) > 1 ? 1 : 0;
            turns++;
            Thread.SpinWait(5);
            Interlocked.Decrement(ref inside);
            _turn.GiveBack();
        }

        async Task WaitForItAsync()
        {
            for (var i = 0; i < Rounds; i++)
            {
                await _turn.TakeAsync(Stop);
                Use();
            }
        }

        async Task TryForItAsync()
        {
            for (var i = 0; i < Rounds;)
            {
                if (_turn.TryTake())
                {
                    Use();
                    i++;
                }
                else if (i % 64 == 0)
                {
                    await Task.Yield();
                }
            }
        }

        Task[] users = [Task.Run(WaitForItAsync, Stop), Task.Run(TryForItAsync, Stop), Task.Run(TryForItAsync, Stop), Task.Run(WaitForItAsync, Stop)];
        await Task.WhenAll(users).WaitAsync(Patience, Stop);
        Assert.Equal((0, 4 * Rounds), (overlaps, turns));
    }
}
