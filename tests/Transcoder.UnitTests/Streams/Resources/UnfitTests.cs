using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>What an encoder doesn't make is no fault of its device.</summary>
public sealed class UnfitTests
{
    private static readonly VideoEncoderSettings Portrait = Machine.Rung(144, 256);

    [Fact]
    public void A_picture_smaller_than_the_encoder_makes_goes_elsewhere_unasked()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", minWidth: 145));
        var worker = machine.Worker("live/a").Ask(Portrait, Machine.Rung(360, 640)).Settle();
        Assert.Equal(["cpu", "gpu-0"], worker.Running.OrderBy(running => running.Key).Select(running => running.Value.Place.Id));
        Assert.Contains("144x256 is smaller than h264_nvenc's 145x", worker.Running[0].Reason.Detail, StringComparison.Ordinal);
        Assert.Equal(2, machine.Driver.Opens);
        var plan = machine.Manager.Plan(new(DeviceRef.Cpu, 360, 640, 30, [new(0, Portrait)]), _ => new LeaseTerms("p"));
        Assert.Equal(Reasons.NotCapable, plan.Renditions[0].Places.Single(place => place.Device == "gpu-0").Refusal?.Code);
    }

    [Fact]
    public void A_setting_that_the_encoder_refuses_is_asked_of_it_once_and_costs_neither_its_health_nor_its_places()
    {
        var machine = new Machine(new ModelDriver { Refusing = (device, width) => device != "cpu" && width < 145 ? (-22, "h264_nvenc did not open: Invalid argument") : null }.Gpu("gpu-0"));
        var sound = machine.Worker("live/sound").Ask(Machine.Rung(640, 360)).Settle();
        var worker = machine.Worker("live/a").Ask(Portrait).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Contains("h264_nvenc did not open", worker.Running[0].Reason.Detail, StringComparison.Ordinal);
        var card = machine.Device("gpu-0");
        Assert.Equal((DeviceHealth.Sound, 0, null), (card.Health, card.Failures, card.SessionCap));
        Assert.Single(sound.Grants);

        var opens = machine.Driver.Opens;
        Assert.Equal("cpu", machine.Worker("live/b").Ask(Portrait).Settle().Running[0].Place.Id);
        Assert.Equal(opens + 1, machine.Driver.Opens);
        Assert.Equal("gpu-0", machine.Worker("live/c").Ask(Machine.Rung(320, 180)).Settle().Running[0].Place.Id);

        // Not for ever: what it was read from are words.
        machine.Pass(601);
        machine.Driver.Refusing = (_, _) => null;
        Assert.Equal("gpu-0", machine.Worker("live/d").Ask(Portrait).Settle().Running[0].Place.Id);
    }

    [Fact]
    public void A_card_that_counts_no_sessions_and_has_no_memory_left_is_not_broken()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", kind: "vaapi"));
        machine.Worker("live/a").Ask(Machine.Rung(640, 360)).Settle();
        machine.Driver.Refusing = (device, _) => device == "cpu" ? null : (-5, "Failed to create encode pipeline context: 2 (resource allocation failed).");
        var worker = machine.Worker("live/b").Ask(Machine.Rung(640, 480)).Settle();
        Assert.Equal("cpu", worker.Running[0].Place.Id);
        Assert.Equal(DeviceHealth.Sound, machine.Device("gpu-0").Health);
        machine.Driver.Refusing = (_, _) => null;
        machine.Pass(30, worker);
        Assert.Equal("gpu-0", worker.Running[0].Place.Id);
    }

    [Fact]
    public void B_frames_that_the_encoder_does_not_make_send_nothing_in_a_circle()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0"));
        var worker = machine.Worker("live/a").Ask(Machine.Rung(640, 360) with { BFrames = 4 }).Settle();
        machine.Pass(60, worker);
        Assert.Equal(2, Assert.Single(worker.Grants).Settings.BFrames);
    }
}
