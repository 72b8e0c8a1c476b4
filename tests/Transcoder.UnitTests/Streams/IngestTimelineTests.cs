using Microsoft.Extensions.Time.Testing;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Ingest;
using Xunit;

namespace Transcoder.UnitTests.Streams;

public sealed class IngestTimelineTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly IngestTimeline _timeline;

    public IngestTimelineTests() => _timeline = new IngestTimeline(_clock);

    [Fact]
    public void The_first_publishers_times_are_kept_as_they_are()
    {
        Assert.Equal((16_777_200, 16_777_280), Map(TrackKind.Video, 16_777_200, 16_777_280));
        Assert.Equal((16_777_240, 16_777_240), Map(TrackKind.Video, 16_777_240, 16_777_240));
        Assert.Equal((16_777_210, 16_777_210), Map(TrackKind.Audio, 16_777_210, 16_777_210));
        Assert.Equal(0, _timeline.Repairs);
    }

    [Fact]
    public void Script_data_stamped_zero_moves_nothing()
    {
        Map(TrackKind.Video, 100_000, 100_000);
        Assert.Equal((100_000, 100_000), Map(TrackKind.Data, 0, 0));
        Assert.Equal((100_040, 100_040), Map(TrackKind.Video, 100_040, 100_040));
        Assert.Equal(0, _timeline.Repairs);
    }

    [Fact]
    public void Each_of_several_tracks_keeps_its_own_order()
    {
        Map(TrackKind.Video, 1_000, 1_000);
        Assert.Equal((960, 1_000), Map(TrackKind.Video, 960, 1_000, trackId: 1));
        Assert.Equal((960, 960), Map(TrackKind.Audio, 960, 960, trackId: 1));
        Assert.Equal((1_040, 1_040), Map(TrackKind.Video, 1_040, 1_040));
        Assert.Equal((960, 980), Map(TrackKind.Video, 950, 980, trackId: 1));
        Assert.Equal(1, _timeline.Reordered);
    }

    [Fact]
    public void A_step_back_within_a_track_is_flattened_and_the_picture_keeps_its_time()
    {
        Map(TrackKind.Video, 1_000, 1_000);
        Assert.Equal((1_000, 1_050), Map(TrackKind.Video, 960, 1_050));
        Assert.Equal(1, _timeline.Reordered);
    }

    [Fact]
    public void A_jump_that_no_wall_time_explains_is_closed_and_both_tracks_move_alike()
    {
        Map(TrackKind.Video, 10_000, 10_000);
        Map(TrackKind.Audio, 10_010, 10_010);
        _clock.Advance(TimeSpan.FromMilliseconds(40));
        Assert.Equal((10_050, 10_050), Map(TrackKind.Video, 900_000, 900_000));
        Assert.Equal((10_033, 10_033), Map(TrackKind.Audio, 10_033, 10_033));
        Assert.Equal((10_060, 10_060), Map(TrackKind.Audio, 900_010, 900_010));
        Assert.Equal(1, _timeline.Repairs);
    }

    [Fact]
    public void A_jump_back_to_zero_goes_on()
    {
        Map(TrackKind.Video, 500_000, 500_000);
        _clock.Advance(TimeSpan.FromMilliseconds(40));
        Assert.Equal((500_040, 500_040), Map(TrackKind.Video, 0, 0));
        Assert.Equal((500_080, 500_080), Map(TrackKind.Video, 40, 40));
    }

    [Fact]
    public void A_gap_that_really_passed_is_kept()
    {
        Map(TrackKind.Video, 1_000, 1_000);
        _clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal((21_000, 21_000), Map(TrackKind.Video, 21_000, 21_000));
        Assert.Equal(0, _timeline.Repairs);
    }

    [Fact]
    public void A_publisher_that_comes_back_goes_on_after_the_time_that_passed()
    {
        Map(TrackKind.Video, 60_000, 60_000);
        _clock.Advance(TimeSpan.FromSeconds(3));
        _timeline.BeginPublisher();
        Assert.Equal((63_000, 63_080), Map(TrackKind.Video, 0, 80));
        Assert.Equal((63_010, 63_010), Map(TrackKind.Audio, 10, 10));
    }

    private (long Dts, long Pts) Map(TrackKind kind, long dts, long pts, byte trackId = 0)
    {
        var d = MediaTime.FromMilliseconds(dts);
        var p = MediaTime.FromMilliseconds(pts);
        _timeline.Map(kind, ref d, ref p, trackId);
        return (d.Milliseconds, p.Milliseconds);
    }
}
