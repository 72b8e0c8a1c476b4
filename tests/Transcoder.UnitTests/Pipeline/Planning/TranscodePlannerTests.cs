using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Pipeline.Planning;
using Xunit;

namespace Transcoder.UnitTests.Pipeline.Planning;

public sealed class TranscodePlannerTests
{
    [Theory]
    // Source width, height, SAR; rung width, height; result.
    [InlineData(1920, 1080, 1.0, 0, 720, "1280x720")]
    [InlineData(1920, 1080, 1.0, 0, 480, "854x480")]
    [InlineData(1920, 1080, 1.0, 640, 0, "640x360")]
    [InlineData(1920, 1080, 1.0, 0, 0, "1920x1080")]
    [InlineData(1920, 1080, 1.0, 1280, 720, "1280x720")]
    [InlineData(800, 332, 1.0, 0, 240, "578x240")]
    [InlineData(1440, 1080, 1.0, 1280, 720, "960x720")]
    [InlineData(1080, 1920, 1.0, 0, 720, "720x1280")]
    [InlineData(1080, 1920, 1.0, 1280, 720, "720x1280")]
    [InlineData(720, 576, 16.0 / 11, 0, 576, "1046x576")]
    [InlineData(720, 576, 16.0 / 11, 0, 288, "524x288")]
    [InlineData(720, 480, 8.0 / 9, 0, 480, "640x480")]
    [InlineData(1919, 1079, 1.0, 0, 1080, "1918x1078")]
    [InlineData(853, 479, 1.0, 0, 0, "852x478")]
    [InlineData(1280, 720, 1.0, 0, 1080, "no_upscale")]
    [InlineData(720, 1280, 1.0, 0, 1080, "no_upscale")]
    [InlineData(1920, 800, 1.0, 1920, 1080, "1920x800")]
    [InlineData(64, 36, 1.0, 0, 2, "16x16")]
    public void A_rung_has_the_source_s_shape_in_even_square_pixels(int width, int height, double sar, int rungWidth, int rungHeight, string expected)
    {
        var plan = Plan(new SourcePicture(width, height, sar, 30), new VideoSpec(CodecId.H264, rungWidth, rungHeight, 1_000_000));
        var actual = plan.LeftOut.Count > 0 ? plan.LeftOut[0].Reason.Code : $"{plan.Renditions[0].Settings.Width}x{plan.Renditions[0].Settings.Height}";
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_rung_left_out_says_why_in_plain_words()
    {
        var plan = Plan(new SourcePicture(1280, 720, 1, 30), new VideoSpec(CodecId.H264, 0, 1080, 1_000_000));
        Assert.Empty(plan.Renditions);
        Assert.Equal((0, Reasons.NoUpscale), (plan.LeftOut[0].Number, plan.LeftOut[0].Reason.Code));
        Assert.Equal("r0 asks for height 1080, which is 1920x1080 for this source, but the source is only 1280x720; set upscale to make it all the same", plan.LeftOut[0].Reason.Detail);
    }

    [Fact]
    public void Upscaling_is_done_where_it_is_asked_for()
    {
        var plan = Plan(new SourcePicture(1280, 720, 1, 30), new VideoSpec(CodecId.H264, 0, 1080, 1_000_000, AllowUpscale: true));
        Assert.Equal((1920, 1080), (plan.Renditions[0].Settings.Width, plan.Renditions[0].Settings.Height));
    }

    [Fact]
    public void Sizes_are_distinct_and_the_largest_comes_first()
    {
        var plan = Plan(
            new SourcePicture(1920, 1080, 1, 30),
            new VideoSpec(CodecId.H264, 0, 480, 1_000_000), new VideoSpec(CodecId.H264, 0, 1080, 5_000_000), new VideoSpec(CodecId.Hevc, 0, 480, 500_000), new VideoSpec(CodecId.H264, 0, 720, 1));
        Assert.Equal([new PictureSize(1920, 1080), new PictureSize(1280, 720), new PictureSize(854, 480)], plan.Sizes);
        Assert.Equal([2, 0, 2, 1], plan.Renditions.Select(rendition => rendition.SizeIndex));
    }

    [Theory]
    [InlineData(60, 30, 30)]
    [InlineData(59.94, 30, 29.97)]
    [InlineData(30, 30, 0)]
    [InlineData(30.3, 30, 0)]
    [InlineData(25, 30, 0)]
    [InlineData(30, 25, 25)]
    [InlineData(50, 0, 0)]
    public void The_frame_rate_is_reduced_to_an_even_fraction_where_there_is_one(double source, double ceiling, double reduced)
    {
        var plan = Plan(new SourcePicture(1920, 1080, 1, source), new VideoSpec(CodecId.H264, 0, 720, 1, MaxFrameRate: ceiling));
        Assert.Equal(reduced, plan.Renditions[0].ReducedFrameRate, 3);
        Assert.Equal(reduced > 0 ? reduced : source, plan.Renditions[0].Settings.FrameRate, 3);
    }

    [Fact]
    public void The_encoder_s_own_keyframe_limit_lies_beyond_the_grid()
    {
        var plan = Plan(new SourcePicture(1920, 1080, 1, 30), new VideoSpec(CodecId.H264, 0, 720, 1));
        Assert.Equal(120, plan.Renditions[0].Settings.GopFrames);
    }

    [Theory]
    [InlineData(CodecId.Aac, 0, 44100, 44100)]
    [InlineData(CodecId.Opus, 0, 44100, 48000)]
    [InlineData(CodecId.Mp3, 0, 22050, 32000)]
    [InlineData(CodecId.Aac, 0, 192000, 96000)]
    [InlineData(CodecId.Aac, 48000, 44100, 48000)]
    public void Sound_keeps_its_rate_where_the_codec_allows(CodecId codec, int asked, int source, int expected) =>
        Assert.Equal(new AudioFormat(expected, 2), AudioPlanner.Settle(new AudioSpec(codec, 128000, asked), new AudioFormat(source, 6)).Format);

    [Theory]
    [InlineData(33, 67, 100, 133, 167, 30)]
    [InlineData(42, 83, 125, 167, 208, 24)]
    [InlineData(17, 33, 50, 67, 83, 60)]
    public void A_frame_rate_is_estimated_from_rounded_times(int a, int b, int c, int d, int e, double expected) =>
        Assert.Equal(expected, FrameRateEstimate.From([.. new[] { 0, a, b, c, d, e }.Select(ms => MediaTime.FromMilliseconds(ms))]));

    private static TranscodePlan Plan(SourcePicture source, params VideoSpec[] rungs) =>
        TranscodePlanner.Plan(
            [.. rungs.Select((rung, i) => new RenditionJob(new RenditionSpec($"r{i}", rung, null), MediaTime.MinValue, MediaTime.MinValue))],
            source,
            MediaTime.FromSeconds(2));
}
