using System.Text.RegularExpressions;
using Transcoder.Testing.SimulatedGpus;
using Xunit;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>What FFmpeg's encoders make on simulated NVIDIA devices. The likeness to the source shows that planes, pitches and colours are where they belong.</summary>
public sealed class NvencTests : IDisposable
{
    private readonly SimulatedMachine _machine = new(devices: 2);

    public void Dispose() => _machine.Dispose();

    private string PathOf(string name) => Path.Combine(_machine.Folder, name);

    [Theory]
    [InlineData("h264_nvenc", "yuv420p")]
    [InlineData("h264_nvenc", "nv12")]
    [InlineData("hevc_nvenc", "yuv420p")]
    [InlineData("hevc_nvenc", "nv12")]
    public async Task Frames_in_system_memory_are_coded(string encoder, string format)
    {
        var file = PathOf("out.mp4");
        await SimulatedEncoding.EncodeAsync(_machine, [.. SimulatedEncoding.Source(1), "-pix_fmt", format, "-c:v", encoder, "-bf", "0", "-g", "15", file]);
        Assert.Matches("^IP{14}IP{14}$", await SimulatedEncoding.PictureTypesAsync(file));
        Assert.True(await SimulatedEncoding.LikenessAsync(file, 1) > 33);
        Assert.Equal(30, _machine.State.Device(0).Frames);
        Assert.Empty(_machine.State.Sessions);
    }

    [Fact]
    public async Task Frames_stay_on_the_device_from_upload_through_scaling_to_encoding()
    {
        string[] files = [PathOf("whole.mp4"), PathOf("less.mp4"), PathOf("least.mp4")];
        const string graph = "format=nv12,hwupload_cuda=device=1,split=3[a][b][c];[b]scale_cuda=240:136[d];[c]scale_cuda=160:90:format=yuv420p[e]";
        await SimulatedEncoding.EncodeAsync(_machine, [.. SimulatedEncoding.Source(1), "-filter_complex", graph,
            "-map", "[a]", "-c:v", "h264_nvenc", "-bf", "0", files[0], "-map", "[d]", "-c:v", "hevc_nvenc", files[1], "-map", "[e]", "-c:v", "h264_nvenc", "-bf", "0", files[2]]);
        Assert.True(await SimulatedEncoding.LikenessAsync(files[0], 1) > 33);
        Assert.True(await SimulatedEncoding.LikenessAsync(files[1], 1, 240, 136) > 28);
        Assert.True(await SimulatedEncoding.LikenessAsync(files[2], 1, 160, 90) > 28);
        Assert.Equal(90, _machine.State.Device(1).Frames);
        Assert.Equal(0, _machine.State.Device(0).Frames);
    }

    [Theory]
    [InlineData(true, 4)]
    [InlineData(false, 1)]
    public async Task A_forced_picture_is_an_IDR_only_where_FFmpeg_is_told_so(bool forcedIdr, int count)
    {
        var file = PathOf("out.h264");
        await SimulatedEncoding.EncodeAsync(_machine, [.. SimulatedEncoding.Source(2), "-c:v", "h264_nvenc", "-bf", "0", "-g", "300", "-forced-idr", forcedIdr ? "1" : "0",
            "-force_key_frames", "expr:gte(t,n_forced*0.5)", file]);
        Assert.Equal(count, SimulatedEncoding.CountIdr(file));
        Assert.Matches("^(IP{14}){4}$", await SimulatedEncoding.PictureTypesAsync(file));
    }

    [Theory]
    [InlineData("x264")]
    [InlineData("skip")]
    public async Task B_frames_come_in_whole_mini_GOPs_without_delay(string coder)
    {
        _machine.Configure(("coder", coder));
        var file = PathOf("out.mp4");
        await SimulatedEncoding.EncodeAsync(_machine, [.. SimulatedEncoding.Source(1), "-c:v", "h264_nvenc", "-bf", "2", "-delay", "0", "-g", "15", file]);
        Assert.Equal("IBBPBBPBBPBBPBPIBBPBBPBBPBBPBP", await SimulatedEncoding.PictureTypesAsync(file));
    }

    [Theory]
    [InlineData("h264_nvenc")]
    [InlineData("hevc_nvenc")]
    public async Task A_new_bitrate_takes_effect_with_a_keyframe(string encoder)
    {
        var (code, output) = await SimulatedEncoding.RunToolAsync(_machine, "simgpu-rate", encoder, "2000000", "500000", "3000000");
        Assert.Equal(0, code);
        var came = Regex.Matches(output, @"came (\d+) keyframes (\d+)");
        double[] ratios = [.. came.Zip([2e6, 5e5, 3e6], (match, asked) => double.Parse(match.Groups[1].Value) / asked)];
        Assert.Equal(3, ratios.Length);
        Assert.All(ratios, ratio => Assert.InRange(ratio, 0.6, 2));
        Assert.All(came, match => Assert.Equal("1", match.Groups[2].Value));
    }

    [Fact]
    public async Task Skipped_pictures_cost_next_to_nothing_and_repeat_the_last()
    {
        _machine.Configure(("coder", "skip"));
        var file = PathOf("out.mp4");
        await SimulatedEncoding.EncodeAsync(_machine, [.. SimulatedEncoding.Source(1), "-c:v", "h264_nvenc", "-bf", "0", "-g", "10", file]);
        Assert.Equal("IPPPPPPPPPIPPPPPPPPPIPPPPPPPPP", await SimulatedEncoding.PictureTypesAsync(file));
        var packets = await Appliance.ChildProcess.RunAsync("ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", file);
        int[] sizes = [.. packets.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => int.Parse(line.TrimEnd(',')))];
        Assert.All(sizes.Where((_, i) => i % 10 != 0), size => Assert.InRange(size, 1, 40));
    }
}
