using System.Diagnostics;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>Each fault that simulated devices know, and how it looks to FFmpeg.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly SimulatedMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData("devices", "0", "CUDA_ERROR_NO_DEVICE")]
    [InlineData("cuinit_error", "803", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH")]
    [InlineData("nvenc_version", "10.0", "Required: 11.1 Found: 10.0")]
    [InlineData("encoder", "0", "unsupported device (2)")]
    [InlineData("codecs", "hevc", "Codec not supported")]
    [InlineData("fail_open", "20", "OpenEncodeSessionEx failed: generic error (20)")]
    [InlineData("fail_init", "8", "InitializeEncoder failed: invalid param (8)")]
    [InlineData("memory_full", "1", "CUDA_ERROR_OUT_OF_MEMORY")]
    [InlineData("memory_mb", "110", "out of memory (10)")]
    [InlineData("lost", "1", "CUDA_ERROR_UNKNOWN")]
    [InlineData("lose_at_frame", "10", "EncodePicture failed!: generic error (20)")]
    [InlineData("session_fails_after", "10", "EncodePicture failed!: generic error (20)")]
    public async Task A_fault_fails_the_encoder_with_its_own_line(string key, string value, string line)
    {
        _machine.Configure((key, value));
        var (code, log) = await SimulatedEncoding.TryAsync(_machine);
        Assert.Equal(1, code);
        Assert.Contains(line, log);
        _machine.Configure((key, null));
        if (key == "devices")
        {
            _machine.Configure(("devices", 1));
        }

        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.Empty(_machine.State.Sessions);
    }

    [Fact]
    public async Task An_unknown_key_is_not_overlooked()
    {
        _machine.Configure(("gpu0.mpixs", 3));
        Assert.Contains("unknown key: mpixs", (await SimulatedEncoding.TryAsync(_machine)).Log);
    }

    [Fact]
    public async Task A_device_lost_under_a_running_encoder_breaks_it_and_works_for_the_next_once_revived()
    {
        await using var encoder = await SimulatedEncoding.StartLongAsync(_machine);
        _machine.Lose(0);
        Assert.Equal(1, await encoder.ExitAsync());
        Assert.Contains("generic error (20)", string.Join('\n', encoder.Lines));
        _machine.Revive(0);
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.Equal(1, _machine.State.Device(0).Losses);
    }

    [Fact]
    public async Task Only_the_sessions_that_are_open_break()
    {
        await using var encoder = await SimulatedEncoding.StartLongAsync(_machine);
        _machine.BreakOpenSessions(0);
        Assert.Equal(1, await encoder.ExitAsync());
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
    }

    [Fact]
    public async Task Opening_fails_as_often_as_told()
    {
        _machine.FailOpen(0, times: 2);
        Assert.Equal(1, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.Equal(1, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
    }

    [Theory]
    [InlineData("encode")]
    [InlineData("lock")]
    public async Task A_hung_encoder_codes_no_more_until_it_is_killed(string where)
    {
        await using var encoder = await SimulatedEncoding.StartLongAsync(_machine);
        _machine.Hang(0, where, onlyOpenSessions: true);
        long seen = -1;
        await Polling.UntilAsync(
            async () =>
            {
                var before = _machine.State.Device(0).Frames;
                await Task.Delay(500);
                seen = _machine.State.Device(0).Frames;
                return before == seen;
            },
            "the encoder stops");
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.False(encoder.HasExited);
        encoder.Signal(ChildProcess.SigKill);
        await encoder.ExitAsync();
        Assert.Empty(_machine.State.Sessions);
    }

    [Fact]
    public async Task Encoding_takes_the_time_of_the_devices_engine()
    {
        _machine.SetSpeed(0, 320 * 180 * 15 / 1e6);
        var started = Stopwatch.GetTimestamp();
        Assert.Equal(0, (await SimulatedEncoding.TryAsync(_machine)).Code);
        Assert.True(Stopwatch.GetElapsedTime(started) > TimeSpan.FromSeconds(1.95)); // 30 frames at 15 a second
    }
}
