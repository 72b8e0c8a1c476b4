using Microsoft.Extensions.Time.Testing;
using Transcoder.LoadGenerator;
using Xunit;

namespace Transcoder.UnitTests.LoadGenerator;

/// <summary>A publisher's time stands still while another server is measured, and is then what it was.</summary>
public sealed class RunClockTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new();
    private readonly RunClock _clock;

    public RunClockTests() => _clock = new RunClock(_time);

    [Fact]
    public void What_it_stood_still_for_is_not_counted()
    {
        _time.Advance(Second);
        _clock.Stop();
        _time.Advance(5 * Second);
        Assert.Equal(Second, _clock.Elapsed);

        _clock.Start();
        _time.Advance(2 * Second);
        Assert.Equal(3 * Second, _clock.Elapsed);
    }

    [Fact]
    public void To_stop_or_start_twice_changes_nothing()
    {
        _time.Advance(Second);
        _clock.Start();
        _time.Advance(Second);
        _clock.Stop();
        _time.Advance(Second);
        _clock.Stop();

        Assert.Equal(2 * Second, _clock.Elapsed);
    }

    [Fact]
    public async Task Who_waits_waits_on_while_it_stands_still()
    {
        var wait = _clock.WaitAsync(3 * Second, TestContext.Current.CancellationToken).AsTask();
        _time.Advance(Second);
        _clock.Stop();
        _time.Advance(10 * Second);
        Assert.False(wait.IsCompleted);

        var second = _clock.WaitAsync(2 * Second, TestContext.Current.CancellationToken).AsTask();
        _clock.Start();
        Assert.False(second.IsCompleted);

        // They begin to wait anew on threads of the pool: the clock goes on until both have.
        for (var waited = TimeSpan.Zero; waited < Deadline && !(wait.IsCompleted && second.IsCompleted); waited += Second / 100)
        {
            Assert.True(!wait.IsCompleted || _clock.Elapsed >= 3 * Second);
            Assert.True(!second.IsCompleted || _clock.Elapsed >= 2 * Second);
            _time.Advance(Second / 100);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }

        await Task.WhenAll(wait, second).WaitAsync(Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_has_been_is_not_waited_for_even_where_it_stands_still()
    {
        _time.Advance(2 * Second);
        _clock.Stop();

        var wait = _clock.WaitAsync(2 * Second, TestContext.Current.CancellationToken);

        Assert.True(wait.IsCompletedSuccessfully);
        await wait;
    }
}
