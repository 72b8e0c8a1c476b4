using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Streams.Workers;
using Transcoder.Testing.Links;
using Xunit;

namespace Transcoder.UnitTests.Streams.Workers;

public sealed class WorkerPoolTests
{
    private static readonly WorkerPolicy Policy = new(1, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5));
    private readonly FakeTimeProvider _clock = new();
    private readonly FakeWorkerLauncher _launcher = new();

    [Fact]
    public async Task A_spare_is_kept_and_made_again_when_it_is_rented()
    {
        await using var pool = Pool();
        await Eventual.HoldsAsync(() => pool.Idle == 1);
        var spare = await _launcher.NextAsync();
        Assert.Same(spare, await pool.RentAsync(default));
        Assert.NotSame(spare, await _launcher.NextAsync());
        await Eventual.HoldsAsync(() => pool.Idle == 1);
    }

    [Fact]
    public async Task A_spare_that_dies_on_the_shelf_is_replaced()
    {
        await using var pool = Pool();
        var spare = await _launcher.NextAsync();
        await Eventual.HoldsAsync(() => pool.Idle == 1);
        spare.Die(128 + 9);
        await Eventual.HoldsAsync(() => spare.IsDisposed && pool.Idle == 0);
        await Eventual.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return pool.Idle == 1;
        });
        Assert.Equal(2, _launcher.Count);
    }

    [Fact]
    public async Task A_start_that_fails_is_tried_again_and_said()
    {
        _launcher.Failures = 1;
        await using var pool = Pool();
        await Eventual.HoldsAsync(() => !pool.IsHealthy);
        Assert.Contains("told to fail", pool.LastFailure, StringComparison.Ordinal);
        await Eventual.HoldsAsync(() =>
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            return pool.Idle == 1;
        });
        Assert.True(pool.IsHealthy);
    }

    [Fact]
    public async Task Who_rents_while_no_worker_starts_is_told_why()
    {
        await using var pool = Pool(spares: 0);
        _launcher.Failures = 1;
        var failure = await Assert.ThrowsAsync<WorkerStartException>(() => pool.RentAsync(default));
        Assert.Contains("told to fail", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(await pool.RentAsync(default));
    }

    [Fact]
    public async Task Disposal_kills_the_spares()
    {
        var pool = Pool();
        var spare = await _launcher.NextAsync();
        await Eventual.HoldsAsync(() => pool.Idle == 1);
        await pool.DisposeAsync();
        Assert.True(spare.IsDisposed);
        Assert.Equal(1, _launcher.Count);
    }

    private WorkerPool Pool(int spares = 1) => new(_launcher, Policy with { Spares = spares }, _clock, NullLogger<WorkerPool>.Instance);
}
