using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Transcoder.Host.Api;
using Transcoder.Host.Verbs;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Transcoder.UnitTests.Host.Serving;
using Xunit;

namespace Transcoder.UnitTests.Host.Api;

public sealed class PlanViewsTests
{
    private readonly ResourceManager _resources = new(new PlacementPolicy(["nvenc", "software"]), 4, TimeProvider.System, NullLogger<ResourceManager>.Instance);

    [Fact]
    public void A_plan_names_the_place_its_cost_and_every_other_device()
    {
        _resources.Apply(new ModelDriver().Gpu("gpu-0").Gpu("h200", encodes: false).Probe);
        var (view, _) = PlanViews.Answer(new PlanQuestion("hd", new PlanSource(1920, 1080, 60)), ServingOptions.Read(), _resources);
        var rendition = Assert.Single(view!.Renditions);
        Assert.Equal(("720p", "gpu-0", "nvenc", 1280, 720, 60.0), (rendition.Name, rendition.Device, rendition.Kind, rendition.Width, rendition.Height, rendition.FrameRate));
        Assert.Equal(["cpu", "gpu-0", "h200"], rendition.Places.Select(place => place.Device).Order());
        Assert.Equal("no_encode_engine", rendition.Places.Single(place => place.Device == "h200").Refusal?.Code);
        Assert.True(rendition.Places.Single(place => place.Device == "gpu-0").Cost > 0);
        Assert.Contains("720p 1280x720 at 60, speed: gpu-0 (nvenc)", PlanVerb.Table(view), StringComparison.Ordinal);
        Assert.Empty(_resources.Snapshot().Leases);
    }

    [Fact]
    public void A_rung_larger_than_the_source_is_told_as_left_out()
    {
        var (view, _) = PlanViews.Answer(new PlanQuestion("hd", new PlanSource(640, 360, 30)), ServingOptions.Read(), _resources);
        Assert.Equal(("no_upscale", null), (view!.Renditions[0].Reason.Code, view.Renditions[0].Device));
    }

    [Theory]
    [InlineData("sd", 1920, 30, "h264", "there is no ladder sd; the configuration has hd")]
    [InlineData("hd", 0, 30, "h264", "16 to 8192")]
    [InlineData("hd", 1920, 0, "h264", "1 to 240")]
    [InlineData("hd", 1920, 30, "aac", "aac is not a video codec")]
    public void A_question_that_makes_no_sense_is_answered_with_what_is_wrong(string ladder, int width, double rate, string codec, string problem)
    {
        var (view, told) = PlanViews.Answer(new PlanQuestion(ladder, new PlanSource(width, 1080, rate, codec)), ServingOptions.Read(), _resources);
        Assert.Null(view);
        Assert.Contains(problem, told, StringComparison.Ordinal);
    }
}
