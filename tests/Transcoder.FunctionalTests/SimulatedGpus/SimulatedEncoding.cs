using System.Globalization;
using System.Text.RegularExpressions;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;

namespace Transcoder.FunctionalTests.SimulatedGpus;

/// <summary>The distribution's ffmpeg, unmodified, on a simulated machine; and what its files hold.</summary>
internal static partial class SimulatedEncoding
{
    /// <summary>Of 320x180, for encoders that must still be there when the test looks.</summary>
    public static readonly string[] LongSource = ["-re", .. Source(600)];

    public static string[] Source(int seconds) => ["-f", "lavfi", "-t", $"{seconds}", "-i", "testsrc2=size=320x180:rate=30"];

    public static ChildProcess Start(SimulatedMachine machine, params IEnumerable<string> arguments) =>
        ChildProcess.Start("ffmpeg", machine.Environment, ["-nostdin", "-hide_banner", "-v", "warning", "-y", .. arguments]);

    /// <summary>An encoder that has a session and codes.</summary>
    public static async Task<ChildProcess> StartLongAsync(SimulatedMachine machine, params string[] options)
    {
        var before = machine.State.SessionsOpened;
        var encoder = Start(machine, [.. LongSource, "-c:v", "h264_nvenc", "-bf", "0", "-delay", "0", .. options, "-f", "null", "-"]);
        await Polling.UntilAsync(
            () => encoder.HasExited || machine.State.Sessions.Any(session => session.Serial > before && session.ProcessId == encoder.Id && session.Frames > 5),
            "an encoder codes");
        return encoder.HasExited ? throw new InvalidOperationException(string.Join('\n', encoder.Lines)) : encoder;
    }

    public static async Task EncodeAsync(SimulatedMachine machine, params IEnumerable<string> arguments)
    {
        var (code, log) = await TryAsync(machine, arguments);
        if (code != 0)
        {
            throw new InvalidOperationException($"ffmpeg ended with {code}:\n{log}");
        }
    }

    public static async Task<(int Code, string Log)> TryAsync(SimulatedMachine machine, params IEnumerable<string> arguments)
    {
        await using var encoder = Start(machine, arguments);
        return (await encoder.ExitAsync(), string.Join('\n', encoder.Lines));
    }

    /// <summary>A short try of h264_nvenc.</summary>
    public static Task<(int Code, string Log)> TryAsync(SimulatedMachine machine) =>
        TryAsync(machine, [.. Source(1), "-c:v", "h264_nvenc", "-bf", "0", "-f", "null", "-"]);

    /// <summary>In presentation order, for example IPPBP; decoding must not complain.</summary>
    public static async Task<string> PictureTypesAsync(string file)
    {
        await using var probe = ChildProcess.Start("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pict_type", "-of", "csv=p=0", file);
        await probe.ExitAsync();
        return string.Concat(probe.Lines.Select(line => line.TrimEnd(',')));
    }

    /// <summary>In dB, against the source scaled to the file's size.</summary>
    public static async Task<double> LikenessAsync(string file, int seconds, int width = 320, int height = 180)
    {
        var graph = $"[1]scale={width}:{height}:flags=bilinear[source];[0][source]psnr";
        await using var psnr = ChildProcess.Start("ffmpeg", ["-nostdin", "-hide_banner", "-i", file, .. Source(seconds), "-lavfi", graph, "-f", "null", "-"]);
        await psnr.ExitAsync();
        var average = Average().Match(string.Join('\n', psnr.Lines));
        return average.Success ? double.Parse(average.Groups[1].Value, CultureInfo.InvariantCulture) : throw new InvalidDataException(string.Join('\n', psnr.Lines));
    }

    /// <summary>IDR pictures of an H.264 file in Annex B form, by the type of its NAL units.</summary>
    public static int CountIdr(string file)
    {
        var bytes = File.ReadAllBytes(file).AsSpan();
        var count = 0;
        for (var at = bytes.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]); at >= 0 && bytes.Length > at + 3; at = bytes.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]))
        {
            count += (bytes[at + 3] & 0x1F) == 5 ? 1 : 0;
            bytes = bytes[(at + 3)..];
        }

        return count;
    }

    /// <summary>A program of native/simgpu.</summary>
    public static ChildProcess StartTool(SimulatedMachine machine, string name, params IEnumerable<string> arguments) =>
        ChildProcess.Start(Path.Combine(SimulatedMachine.Libraries, name), machine.Environment, arguments);

    public static async Task<(int Code, string Output)> RunToolAsync(SimulatedMachine machine, string name, params IEnumerable<string> arguments)
    {
        await using var tool = StartTool(machine, name, arguments);
        return (await tool.ExitAsync(), tool.Output);
    }

    [GeneratedRegex(@"average:([0-9.]+)")]
    private static partial Regex Average();
}
