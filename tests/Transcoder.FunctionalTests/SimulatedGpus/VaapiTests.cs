using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>FFmpeg's VA-API encoder and scaler on a simulated device, with no DRM node in sight.</summary>
public sealed class VaapiTests : IDisposable
{
    private readonly SimulatedMachine _machine = new(devices: 0, vaDevices: 2);

    public void Dispose() => _machine.Dispose();

    private string PathOf(string name) => Path.Combine(_machine.Folder, name);

    private string[] On(int device, string[] source) =>
        ["-init_hw_device", $"vaapi=va:{_machine.RenderNode(device)}", "-filter_hw_device", "va", .. source, "-vf", "format=nv12,hwupload"];

    private Task<(int Code, string Log)> TryAsync() =>
        SimulatedEncoding.TryAsync(_machine, [.. On(0, SimulatedEncoding.Source(1)), "-c:v", "h264_vaapi", "-b:v", "1M", "-f", "null", "-"]);

    [Theory]
    [InlineData("-profile:v", "high", "-b:v", "1M")]
    [InlineData("-profile:v", "constrained_baseline", "-b:v", "1M")]
    [InlineData("-coder", "cavlc", "-qp", "20")]
    public async Task Frames_are_coded_with_FFmpegs_own_parameter_sets(params string[] options)
    {
        var file = PathOf("out.mp4");
        await SimulatedEncoding.EncodeAsync(_machine, [.. On(1, SimulatedEncoding.Source(1)), "-c:v", "h264_vaapi", .. options, "-g", "15", file]);
        Assert.Matches("^IP{14}IP{14}$", await SimulatedEncoding.PictureTypesAsync(file));
        Assert.True(await SimulatedEncoding.LikenessAsync(file, 1) > 33);
        Assert.Equal(30, _machine.State.VaDevice(1).Frames);
    }

    [Fact]
    public async Task Frames_are_scaled_on_the_device()
    {
        var file = PathOf("out.mp4");
        var arguments = On(0, SimulatedEncoding.Source(1));
        arguments[^1] += ",scale_vaapi=160:90";
        await SimulatedEncoding.EncodeAsync(_machine, [.. arguments, "-c:v", "h264_vaapi", "-b:v", "1M", file]);
        Assert.True(await SimulatedEncoding.LikenessAsync(file, 1, 160, 90) > 28);
    }

    [Theory]
    [InlineData("va0.fail_open", 1, "Failed to create encode pipeline context: 1")]
    [InlineData("va0.encoder", 0, "Failed to query entrypoints")]
    [InlineData("va0.memory_full", 1, "Failed to create surface: 2")]
    [InlineData("va0.session_fails_after", 5, "Failed to end picture encode issue: 24")]
    [InlineData("va0.lose_at_frame", 10, "operation failed")]
    [InlineData("va0.lost", 1, "Failed to initialise VAAPI connection: 1")]
    public async Task A_fault_fails_the_encoder_with_its_own_line(string key, int value, string line)
    {
        _machine.Configure((key, value));
        Assert.Contains(line, (await TryAsync()).Log);
        _machine.Configure((key, null));
        Assert.Equal(0, (await TryAsync()).Code);
        Assert.Empty(_machine.State.Sessions);
    }

    [Fact]
    public async Task The_cap_is_a_busy_device()
    {
        _machine.LimitSessions(1);
        await using var encoder = SimulatedEncoding.Start(_machine, [.. On(1, SimulatedEncoding.LongSource), "-c:v", "h264_vaapi", "-b:v", "1M", "-f", "null", "-"]);
        await Polling.UntilAsync(() => encoder.HasExited || _machine.State.SessionsOfVa(1).Any(session => session.Frames > 5), "an encoder codes");
        Assert.Contains("Failed to create encode pipeline context: 34", (await TryAsync()).Log);
        encoder.Signal(ChildProcess.SigKill);
        await encoder.ExitAsync();
        Assert.Equal(0, (await TryAsync()).Code);
    }
}
