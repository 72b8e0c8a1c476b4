using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Resources;
using Transcoder.Testing.Resources;
using Xunit;

namespace Transcoder.UnitTests.Streams.Resources;

/// <summary>What an engine is thought to do: assumed, calibrated, and corrected by what runs.</summary>
public sealed class CapacityTests
{
    private const double Assumed = 400e6;

    [Fact]
    public void What_was_learned_on_one_capacity_is_not_put_on_top_of_another()
    {
        var driver = new ModelDriver().Gpu("gpu-0", consumer: false);
        var learning = new Machine(driver);
        var worker = learning.Worker("live/a").Ask(Machine.Rung(1920, 1080, rate: 60)).Settle();
        Keep(learning, busy: learning.Device("gpu-0").Encode!.Utilisation / 2, seconds: 40);
        worker.Die();
        var state = learning.Manager.State();
        var learned = learning.Device("gpu-0").Encode!.Capacity;
        Assert.InRange(learned, Assumed * 1.7, Assumed * 2.1);

        Assert.InRange(new Machine(driver, state: state).Device("gpu-0").Encode!.Capacity / learned, 0.99, 1.01);
        var calibrated = new Machine(driver, state: state with { Calibrations = Machine.Calibrated(driver, 1_000e6).Calibrations }).Device("gpu-0").Encode!;
        Assert.Equal((1_000e6, CapacitySource.Calibrated), (calibrated.Capacity, calibrated.Source));
    }

    [Fact]
    public void What_utilisation_taught_stands_when_nothing_runs()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false));
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1920, 1080, rate: 30)).Settle();
        Keep(machine, busy: machine.Device("gpu-0").Encode!.Utilisation * 2, seconds: 40);
        worker.Die();
        var learned = machine.Device("gpu-0").Encode!.Capacity;
        Assert.InRange(learned, Assumed * 0.45, Assumed * 0.6);
        machine.Pass(300);
        Assert.Equal(learned, machine.Device("gpu-0").Encode!.Capacity);
    }

    [Fact]
    public void What_strain_took_comes_back_under_load_alone()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", consumer: false), new PlacementPolicy(["nvenc"]));
        var worker = machine.Worker("live/a").Ask(Machine.Rung(1280, 720)).Settle();
        worker.Strain(0, 1.3);
        worker.Die();
        var strained = machine.Device("gpu-0").Encode!.Capacity;
        Assert.InRange(strained, Assumed * 0.7, Assumed * 0.8);
        machine.Pass(300);
        Assert.Equal(strained, machine.Device("gpu-0").Encode!.Capacity);
        machine.Worker("live/b").Ask(Machine.Rung(1280, 720)).Settle();
        machine.Pass(60);
        Assert.Equal(Assumed, machine.Device("gpu-0").Encode!.Capacity);
    }

    [Fact]
    public void An_engine_that_other_programs_keep_busy_is_not_idle_where_the_driver_lists_no_sessions()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0", kind: "vaapi").Gpu("gpu-1", kind: "vaapi"));
        Keep(machine, busy: 0.8, seconds: 6);
        var taken = machine.Device("gpu-0").Encode!;
        Assert.InRange(taken.Utilisation, 0.79, 0.81);
        Assert.Equal("gpu-1", machine.Worker("live/a").Ask(Machine.Rung(1920, 1080)).Settle().Running[0].Place.Id);
        Keep(machine, busy: 0.01, seconds: 6);
        Assert.Equal(0, machine.Device("gpu-0").Encode!.ForeignLoad);
    }

    [Fact]
    public void Figures_that_are_old_are_not_shown()
    {
        var machine = new Machine(new ModelDriver().Gpu("gpu-0"));
        machine.Sample();
        Assert.NotNull(machine.Device("gpu-0").Sample);
        machine.Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Null(machine.Device("gpu-0").Sample);
        machine.Sample();
        Assert.NotNull(machine.Device("gpu-0").Sample);
    }

    [Fact]
    public void A_calibrated_CPU_is_charged_what_was_measured()
    {
        var state = ResourceState.Empty with
        {
            Calibrations = new Dictionary<string, DeviceCalibration>
            {
                ["cpu"] = new("FFmpeg", new Dictionary<string, double> { ["h264"] = 800e6 }, new Dictionary<string, double> { ["h264"] = 4_000e6 }, 1_000e6),
            },
        };
        var device = new DeviceState(new DeviceReport("cpu", "CPU", "cpu", "", "FFmpeg", false, 0, false, [], []), cores: 8);
        var ladder = new LadderOutline(CodecId.H264, 1920, 1080, 30, [new RungOutline(CodecId.H264, 1280, 720, 30, "speed")]);
        var assumed = device.EncodeLoad(Machine.Rung(1280, 720, codec: CodecId.Hevc)).Work;
        device.Calibrate(state.Calibrations["cpu"]);
        Assert.Equal(1280 * 720 * 30 / 100e6, device.EncodeLoad(Machine.Rung(1280, 720)).Work, 6);
        Assert.Equal(device.EncodeLoad(Machine.Rung(1280, 720)).Work * 3, device.EncodeLoad(Machine.Rung(1280, 720, preset: PresetWords.Quality)).Work, 6);
        Assert.Equal(1920 * 1080 * 30 / 500e6, device.DecodeLoadOf(ladder).Work, 6);
        Assert.Equal(1280 * 720 * 30 / 125e6, device.ScaleLoadOf(ladder).Work, 6);
        Assert.Equal(assumed, device.EncodeLoad(Machine.Rung(1280, 720, codec: CodecId.Hevc)).Work, 6);
        Assert.Equal((8.0, CapacitySource.Calibrated), (device.Encode!.Capacity, device.Encode.Source));
    }

    /// <summary>Seconds in which all that is known of gpu-0 is how busy its encoder is; the others idle.</summary>
    private static void Keep(Machine machine, double busy, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            machine.Clock.Advance(TimeSpan.FromSeconds(1));
            foreach (var sample in machine.Driver.Samples().ToArray())
            {
                machine.Manager.Observe(sample with { EncodeRatio = sample.Device == "gpu-0" ? busy : 0, Sessions = null });
            }
        }
    }
}
