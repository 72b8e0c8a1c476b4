using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Codecs.Monitoring;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Monitoring;

public sealed class KernelFiguresTests : IDisposable
{
    private const string Amd = "0000:03:00.0";
    private const string Intel = "0000:00:02.0";
    private readonly KernelTree _kernel = new();

    public void Dispose() => _kernel.Dispose();

    [Fact]
    public void The_busy_share_of_the_CPU_is_that_between_two_samples()
    {
        _kernel.Write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n")
            .Write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n")
            .Write("proc/cpuinfo", "model name\t: x\ncpu MHz\t\t: 1000.0\ncpu MHz\t\t: 3000.0\n")
            .Write("sys/class/hwmon/hwmon0/name", "acpitz\n").Write("sys/class/hwmon/hwmon0/temp1_input", "11000\n")
            .Write("sys/class/hwmon/hwmon1/name", "k10temp\n").Write("sys/class/hwmon/hwmon1/temp1_input", "54500\n");
        var monitor = new CpuMonitor();
        Assert.Null(monitor.Sample().EncodeRatio);
        _kernel.Write("proc/stat", "cpu  130 0 120 840 10 0 0 0 0 0\n");
        var sample = monitor.Sample();
        Assert.Equal(0.5, sample.EncodeRatio!.Value, 6);
        Assert.Equal((sample.EncodeRatio, sample.EncodeRatio), (sample.DecodeRatio, sample.ComputeRatio));
        Assert.Equal((600L * 1024, 1000L * 1024), (sample.MemoryUsedBytes, sample.MemoryTotalBytes));
        Assert.Equal((54.5, 2e9), (sample.TemperatureCelsius, sample.ClockHertz));
    }

    [Fact]
    public void A_kernel_that_tells_nothing_gives_a_sample_without_figures()
    {
        var monitor = new CpuMonitor();
        monitor.Sample();
        var sample = monitor.Sample();
        Assert.Equal(("cpu", null, null, null, null), (sample.Device, sample.EncodeRatio, sample.MemoryUsedBytes, sample.TemperatureCelsius, sample.ClockHertz));
        using var machine = new DeviceMonitor();
        Assert.Contains(machine.Sample().Devices, device => device.Device == "cpu");
    }

    [Fact]
    public void Only_descriptors_of_GPUs_are_read_and_several_of_one_client_count_once()
    {
        var counts = $"drm-driver:\tamdgpu\ndrm-pdev:\t{Amd}\ndrm-client-id:\t7\ndrm-engine-enc:\t500 ns\ndrm-engine-capacity-enc:\t2\n";
        _kernel.Descriptor(41, 3, "/dev/dri/renderD128", counts)
            .Descriptor(41, 4, "/dev/dri/renderD128", counts)
            .Descriptor(42, 3, "/dev/dri/renderD128", counts)
            .Descriptor(42, 5, "/dev/dri/renderD128", "drm-driver:\tamdgpu\n")
            .Descriptor(43, 3, "/tmp/file", counts.Replace("id:\t7", "id:\t8", StringComparison.Ordinal))
            .Write("proc/self-made/note", "no process");
        var usage = Assert.Single(EngineUsage.Read());
        Assert.Equal((Amd, "7", 500L, 2), (usage.Address, usage.Client, usage.Engines["enc"], usage.Capacities["enc"]));
    }

    [Fact]
    public void Engines_of_a_GPU_are_as_busy_as_the_kernel_counts_and_another_GPU_is_another_matter()
    {
        _kernel.Card("renderD128", Amd, "0x1002").Card("renderD129", Intel, "0x8086");
        Use(Amd, client: 1, "enc", 0);
        Use(Intel, client: 2, "video", 0);
        var amd = new RenderMonitor(RenderNode.Find(Amd)!);
        var intel = new RenderMonitor(RenderNode.Find(Intel)!);
        Assert.Null(amd.Sample(EngineUsage.Read()).EncodeRatio);
        intel.Sample(EngineUsage.Read());

        // More nanoseconds than can have passed: all the time.
        Use(Amd, client: 1, "enc", long.MaxValue / 2);
        var busy = amd.Sample(EngineUsage.Read());
        Assert.Equal((Amd, 1.0, null), (busy.Device, busy.EncodeRatio, busy.DecodeRatio));
        Assert.Equal((0.0, 0.0), (intel.Sample(EngineUsage.Read()).EncodeRatio!.Value, intel.Sample(EngineUsage.Read()).DecodeRatio!.Value));
        Assert.Equal(0.0, amd.Sample(EngineUsage.Read()).EncodeRatio);

        // Intel's video engines do both.
        Use(Intel, client: 2, "video", long.MaxValue / 2);
        var video = intel.Sample(EngineUsage.Read());
        Assert.Equal((1.0, 1.0, null), (video.EncodeRatio, video.DecodeRatio, video.ComputeRatio));
    }

    [Fact]
    public void Memory_temperature_power_and_clock_come_from_sysfs()
    {
        var folder = $"sys/bus/pci/devices/{Amd}";
        _kernel.Card("renderD128", Amd, "0x1002")
            .Write($"{folder}/gpu_busy_percent", "37\n")
            .Write($"{folder}/mem_info_vram_used", "1000\n").Write($"{folder}/mem_info_vram_total", "4000\n")
            .Write($"{folder}/hwmon/hwmon4/temp1_input", "61000\n").Write($"{folder}/hwmon/hwmon4/power1_average", "75500000\n")
            .Write($"{folder}/pp_dpm_sclk", "0: 300Mhz\n1: 800Mhz *\n");
        var sample = new RenderMonitor(RenderNode.Find(Amd)!).Sample([]);
        Assert.Equal((0.37, 1000L, 4000L), (sample.ComputeRatio, sample.MemoryUsedBytes, sample.MemoryTotalBytes));
        Assert.Equal((61.0, 75.5, 800e6), (sample.TemperatureCelsius, sample.PowerWatts, sample.ClockHertz));
        Assert.Null(sample.Sessions);

        _kernel.Card("renderD129", Intel, "0x8086").Write($"sys/bus/pci/devices/{Intel}/drm/card0/gt_act_freq_mhz", "1200\n");
        Assert.Equal(1.2e9, new RenderMonitor(RenderNode.Find(Intel)!).Sample([]).ClockHertz);
    }

    [Fact]
    public void An_Intel_cards_memory_is_what_its_clients_have_there_and_its_throttles_are_named()
    {
        var card = $"sys/bus/pci/devices/{Intel}/drm/card0";
        _kernel.Card("renderD129", Intel, "0x8086")
            .Write($"{card}/lmem_total_bytes", "8000000\n")
            .Write($"{card}/gt/gt0/throttle_reason_status", "1\n")
            .Write($"{card}/gt/gt0/throttle_reason_pl1", "1\n")
            .Write($"{card}/gt/gt0/throttle_reason_thermal", "0\n");
        Have(client: 1, "drm-resident-local0:\t2 MiB\ndrm-resident-system0:\t7 MiB\n");
        Have(client: 2, "drm-resident-local0:\t3 KiB\n");
        var monitor = new RenderMonitor(RenderNode.Find(Intel)!);
        var sample = monitor.Sample(EngineUsage.Read());
        Assert.Equal(((2L << 20) + (3 << 10), 8_000_000L), (sample.MemoryUsedBytes, sample.MemoryTotalBytes));
        Assert.Equal(["gt_pl1"], sample.ThrottleReasons);

        // One that shares the machine's memory.
        Have(client: 1, "drm-resident-system0:\t7 MiB\n");
        Have(client: 2, "");
        Assert.Equal(7L << 20, monitor.Sample(EngineUsage.Read()).MemoryUsedBytes);

        void Have(int client, string memory) => _kernel.Descriptor(
            40 + client, 3, "/dev/dri/renderD129", $"drm-pdev:\t{Intel}\ndrm-client-id:\t{client}\ndrm-engine-video:\t1 ns\n{memory}");
    }

    [Fact]
    public void The_machine_is_sampled_by_its_nodes_and_an_NVIDIA_card_is_not_by_its_own()
    {
        _kernel.Card("renderD128", Amd, "0x1002").Card("renderD129", "0000:81:00.0", "0x10de");
        using var monitor = new DeviceMonitor();
        var sampled = monitor.Sample().Devices.Select(device => device.Device).ToList();
        Assert.Contains(Amd, sampled);
        Assert.DoesNotContain("0000:81:00.0", sampled);
    }

    private void Use(string address, int client, string engine, long nanoseconds) => _kernel.Descriptor(
        40 + client, 3, "/dev/dri/renderD128", $"drm-pdev:\t{address}\ndrm-client-id:\t{client}\ndrm-engine-{engine}:\t{nanoseconds} ns\n");
}
