using System.Diagnostics;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class PlayerTests(ITestOutputHelper output)
{
    private const int Joins = 15;

    // The house promises 50 ms on an idle machine; a test machine is not idle.
    private static readonly TimeSpan Tolerated = TimeSpan.FromMilliseconds(500);

    [Theory]
    [InlineData("live/late")]
    [InlineData("live/late_180p")]
    public async Task A_late_player_begins_with_a_keyframe_at_once(string stream)
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/late"));
        await using (var first = await Recording.StartAsync(appliance.Url(stream)))
        {
            await first.MoreVideoAsync(30);
        }

        var times = new List<TimeSpan>();
        for (var i = 0; i < Joins; i++)
        {
            await using var late = await Recording.StartAsync(appliance.Url(stream));
            await late.MoreVideoAsync(1);
            Assert.True(late.Video[0].IsKeyframe);
            times.Add(Stopwatch.GetElapsedTime(late.Asked, late.Video[0].Arrived));
        }

        times.Sort();
        output.WriteLine($"{stream}: first keyframe after {times[Joins / 2].TotalMilliseconds:0.0} ms in the median, {times[^1].TotalMilliseconds:0.0} ms at most, connecting included");
        Assert.InRange(times[Joins / 2], TimeSpan.Zero, Tolerated);
    }
}
