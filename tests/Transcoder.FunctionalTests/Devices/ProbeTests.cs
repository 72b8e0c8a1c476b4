using System.Runtime.Versioning;
using System.Text.Json;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.Devices;

/// <summary>The verbs about devices, on simulated machines and on made-up system folders.</summary>
public sealed class ProbeTests
{
    [Fact]
    public async Task Every_engine_is_proved_by_itself_and_every_session_is_closed_again()
    {
        using var machine = new SimulatedMachine(devices: 2);
        machine.RemoveEncoder(1);
        var report = await ProbeAsync(machine.Environment);

        Assert.Equal([SimulatedMachine.Uuid(0), SimulatedMachine.Uuid(1), "cpu"], report.Devices.Select(device => device.Id));
        var (card, compute, cpu) = (report.Devices[0], report.Devices[1], report.Devices[2]);
        Assert.Equal(
            [(EngineKind.Scale, null, "scale_cuda"), (EngineKind.Encode, CodecId.H264, "h264_nvenc"), (EngineKind.Encode, CodecId.Hevc, "hevc_nvenc")],
            card.Engines.Where(engine => engine.IsUsable).Select(engine => (engine.Engine, engine.Codec, engine.Implementation)));
        Assert.All(card.Engines.Where(engine => engine.Engine == EngineKind.Encode), engine => Assert.True(engine.MaxWidth >= 4096));
        Assert.Contains(card.Engines, engine => engine is { Implementation: "h264_nvenc", MaxBFrames: 4, MinWidth: 145, MinHeight: 49 });
        Assert.True(card is { IsSimulated: true, Vendor: "nvidia", Address: "0000:01:00.0", MemoryBytes: > 0 });
        Assert.Contains("simulated", card.Driver, StringComparison.Ordinal);
        Assert.Contains(card.Findings, finding => finding.Code == Reasons.SimulatedDriver);

        Assert.DoesNotContain(compute.Engines, engine => engine.Engine == EngineKind.Encode);
        Assert.Contains(compute.Engines, engine => engine is { Engine: EngineKind.Scale, IsUsable: true });
        Assert.Contains(compute.Findings, finding => finding.Code == Reasons.NoEncodeEngine);
        Assert.Contains(cpu.Engines, engine => engine is { Engine: EngineKind.Encode, Codec: CodecId.H264, IsUsable: true });

        Assert.True(machine.State.SessionsOpened > 0);
        Assert.Empty(machine.State.Sessions);
    }

    [Fact]
    public async Task A_card_whose_driver_hangs_hides_no_other_and_keeps_what_was_proved_before()
    {
        using var machine = new SimulatedMachine(devices: 2);
        machine.Hang(0, "open");
        var report = await ProbeAsync(machine.Environment, "--patience", "10");

        var hung = report.Devices[0];
        Assert.Contains(hung.Engines, engine => engine is { Engine: EngineKind.Scale, IsUsable: true });
        Assert.Contains(hung.Engines, engine => engine is { Engine: EngineKind.Encode, IsUsable: false });
        Assert.Contains(hung.Findings, finding => finding.Code == Reasons.ProbeFailed && finding.Detail.Contains("hangs", StringComparison.Ordinal) && finding.Detail.Contains("only what had answered before", StringComparison.Ordinal));
        Assert.Contains(report.Devices[1].Engines, engine => engine is { Engine: EngineKind.Encode, IsUsable: true });
    }

    [Fact]
    public async Task A_va_api_device_is_named_by_its_pci_address_and_proved_alike()
    {
        using var machine = new SimulatedMachine(devices: 0, vaDevices: 2);
        machine.Configure(("va1.encoder", 0));
        var report = await ProbeAsync(machine.Environment);

        Assert.Equal([SimulatedMachine.VaAddress(0), SimulatedMachine.VaAddress(1), "cpu"], report.Devices.Select(device => device.Id));
        var (card, compute) = (report.Devices[0], report.Devices[1]);
        Assert.True(card is { IsSimulated: true, Vendor: "amd" });
        Assert.Equal(
            [(EngineKind.Scale, "scale_vaapi"), (EngineKind.Encode, "h264_vaapi")],
            card.Engines.Where(engine => engine.IsUsable).Select(engine => (engine.Engine, engine.Implementation)));
        Assert.DoesNotContain(compute.Engines, engine => engine is { Engine: EngineKind.Encode, IsUsable: true });
        Assert.Contains(compute.Findings, finding => finding.Code == Reasons.NoEncodeEngine);
        Assert.Empty(machine.State.Sessions);
    }

    [Theory]
    [InlineData("nvenc_version", 10.0, Reasons.DriverTooOld, "Install version 470.57.02 or newer")]
    [InlineData("cuinit_error", 803, Reasons.DriverMismatch, "restart the machine")]
    [InlineData("memory_full", 1, Reasons.MemoryFull, "end the programs that hold it")]
    [InlineData("lost", 1, Reasons.ProbeFailed, "CUDA_ERROR")]
    [InlineData("fail_open", 20, Reasons.ProbeFailed, "generic error (20)")]
    public async Task The_doctor_says_what_is_wrong_and_what_to_do(string key, double value, string code, string advice)
    {
        using var machine = new SimulatedMachine();
        machine.Configure((key, value));
        var (status, text) = await RunAsync(machine.Environment, "doctor");

        Assert.Equal(1, status);
        Assert.Contains(text, line => line.StartsWith("PROBLEM", StringComparison.Ordinal) && line.EndsWith($"[{code}]", StringComparison.Ordinal) && line.Contains(advice, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(21)]
    public async Task Sessions_of_other_programs_are_named_as_what_fills_the_card(int error)
    {
        using var machine = new SimulatedMachine();
        machine.LimitSessions(2, error: error);
        machine.SetForeignSessions(0, 2);
        var (status, text) = await RunAsync(machine.Environment, "doctor");

        Assert.Equal(1, status);
        Assert.Contains(text, line => line.Contains("2 of all programs are open", StringComparison.Ordinal) && line.EndsWith("[session_limit]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_simulated_driver_is_reported_loudly()
    {
        using var machine = new SimulatedMachine();
        var (status, text) = await RunAsync(machine.Environment, "doctor");

        Assert.Equal(1, status);
        Assert.Contains(text, line => line.StartsWith("PROBLEM", StringComparison.Ordinal) && line.Contains("SIMULATED DRIVER", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, Reasons.NoDriver, "Install the NVIDIA driver")]
    [InlineData(true, Reasons.NoVideoCapability, "NVIDIA_DRIVER_CAPABILITIES=compute,utility,video")]
    public async Task A_card_without_its_libraries_wants_a_driver_or_in_a_container_a_capability(bool container, string code, string advice)
    {
        using var system = new SystemFolder();
        system.Add("sys/bus/pci/devices/0000:65:00.0/vendor", "0x10de");
        system.Add("sys/bus/pci/devices/0000:65:00.0/class", "0x030200");
        if (container)
        {
            system.Add(".dockerenv", "");
        }

        var (status, text) = await RunAsync(system.Environment, "doctor");

        Assert.SkipWhen(text.Any(line => line.Contains("GPU-", StringComparison.Ordinal)), "this machine has a driver");
        Assert.Equal(1, status);
        Assert.Contains(text, line => line.Contains("0000:65:00.0", StringComparison.Ordinal) && line.Contains(advice, StringComparison.Ordinal) && line.EndsWith($"[{code}]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_render_node_that_is_none_is_a_device_that_does_not_open()
    {
        using var system = new SystemFolder();
        system.Add("dev/dri/renderD128", "");
        system.Add("sys/class/drm/renderD128/device/vendor", "0x1002");
        system.Add("sys/class/drm/renderD128/device/uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0");
        var (status, text) = await RunAsync(system.Environment, "doctor");

        Assert.Equal(1, status);
        Assert.Contains(text, line => line.Contains("0000:03:00.0 (AMD GPU", StringComparison.Ordinal) && line.Contains("mesa-va-drivers", StringComparison.Ordinal));
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task A_node_of_a_group_that_the_user_is_not_in_is_said_so()
    {
        Assert.SkipWhen(Environment.UserName == "root", "root may open every node");
        using var system = new SystemFolder();
        var node = system.Add("dev/dri/renderD128", "");
        File.SetUnixFileMode(node, UnixFileMode.None);
        var (_, text) = await RunAsync(system.Environment, "doctor");

        Assert.Contains(text, line => line.Contains("group render", StringComparison.Ordinal) && line.EndsWith("[no_permission]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Calibration_measures_every_engine_with_real_work_and_keeps_what_it_did_not_measure()
    {
        using var machine = new SimulatedMachine();
        machine.Configure(("coder", "skip"), ("codecs", "h264"));
        var file = Path.Combine(machine.Folder, "kept", "calibration.json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, """{ "old": { "driver": "x", "encode": {}, "decode": {}, "scale": 7 } }""", TestContext.Current.CancellationToken);
        var (status, text) = await RunAsync(machine.Environment, "calibrate", "--output", file, "--device", SimulatedMachine.Uuid(0), "--seconds", "0.2");

        Assert.True(status == 0, string.Join('\n', text));
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        var card = json.RootElement.GetProperty(SimulatedMachine.Uuid(0));
        Assert.True(card.GetProperty("encode").GetProperty("h264").GetDouble() > 1e6);
        Assert.True(card.GetProperty("scale").GetDouble() > 1e6);
        Assert.Contains("simulated", card.GetProperty("driver").GetString(), StringComparison.Ordinal);
        Assert.Equal(7, json.RootElement.GetProperty("old").GetProperty("scale").GetDouble());
        Assert.Empty(machine.State.Sessions);
    }

    private static async Task<ProbeReport> ProbeAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var (status, lines) = await RunAsync(environment, ["worker", "probe", .. arguments]);
        Assert.True(status == 0, string.Join('\n', lines));
        var reports = lines.Select(line => JsonSerializer.Deserialize(line, DeviceJson.Default.ProbeReport)!).ToList();
        Assert.All(reports.SkipLast(1), report => Assert.False(report.IsComplete));
        Assert.True(reports[^1].IsComplete);
        return reports[^1];
    }

    private static async Task<(int Status, IReadOnlyList<string> Lines)> RunAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        RunningAppliance.RequireProgram();
        await using var child = ChildProcess.Start(RunningAppliance.Program, environment, arguments);
        var status = await child.ExitAsync(TimeSpan.FromSeconds(90));
        return (status, child.Lines);
    }

    /// <summary>A root folder with as much of /sys and /dev as a test needs.</summary>
    private sealed class SystemFolder : IDisposable
    {
        private readonly string _root = Directory.CreateTempSubdirectory("transcoder-system-").FullName;

        public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["TRANSCODER_SYSTEM_ROOT"] = _root };

        public string Add(string path, string text)
        {
            var file = Path.Combine(_root, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
            return file;
        }

        public void Dispose() => Directory.Delete(_root, recursive: true);
    }
}
