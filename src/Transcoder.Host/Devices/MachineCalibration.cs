using System.Globalization;
using System.Text.Json;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Devices;

/// <summary>Measures every engine that a probe found, one after another: each in a child process, alone, so that none takes another's time.</summary>
internal sealed class MachineCalibration(ChildProgram program, TextWriter output)
{
    // Consumer cards opened two sessions at first and more since: as few as every driver gives.
    private const int ConsumerSessions = 2;
    private const int MostSessions = 8;

    // A few steps of a second or two each, after a slow driver's start and the material's preparation.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <param name="only">A device's id; null: all.</param>
    /// <returns>By device; what failed is left out and said.</returns>
    public async Task<Dictionary<string, DeviceCalibration>> RunAsync(ProbeReport report, string? only, double seconds, CancellationToken cancellationToken)
    {
        var results = new Dictionary<string, DeviceCalibration>(StringComparer.Ordinal);
        foreach (var device in report.Devices.Where(device => only is null || device.Id == only))
        {
            var measured = new List<Calibration>();
            foreach (var capability in device.Engines.Where(capability => capability.IsUsable))
            {
                if (await MeasureAsync(device, capability, seconds, cancellationToken) is { } calibration)
                {
                    measured.Add(calibration);
                }
            }

            if (measured.Count > 0)
            {
                results[device.Id] = new DeviceCalibration(device.Driver, Speeds(EngineKind.Encode), Speeds(EngineKind.Decode), Best(measured.Where(c => c.Engine == EngineKind.Scale)));
            }

            // One engine behind several interfaces has the speed of the fastest.
            Dictionary<string, double> Speeds(EngineKind engine) =>
                measured.Where(c => c.Engine == engine && c.Codec is not null).GroupBy(c => c.Codec!.Value.Name()).ToDictionary(codec => codec.Key, Best);
        }

        return results;
    }

    private static double Best(IEnumerable<Calibration> calibrations) => calibrations.Select(c => c.PixelsPerSecond).DefaultIfEmpty(0).Max();

    private async Task<Calibration?> MeasureAsync(DeviceReport device, EngineCapability capability, double seconds, CancellationToken cancellationToken)
    {
        var sessions = device.Consumer ? ConsumerSessions : MostSessions;
        var answer = await program.RunAsync(
            [
                "worker", "calibrate", device.Id, capability.Kind, DeviceTable.Word(capability.Engine), capability.Codec?.Name() ?? "none",
                sessions.ToString(CultureInfo.InvariantCulture), seconds.ToString(CultureInfo.InvariantCulture),
            ],
            Deadline,
            Deadline,
            cancellationToken);
        var what = $"{device.Id} {DeviceTable.Word(capability.Engine),-6} {capability.Kind,-8} {capability.Codec?.Name() ?? "",-6}";
        if (answer is not { Failure: null, Output: [.., var line] } || JsonSerializer.Deserialize(line, DeviceJson.Default.Calibration) is not { } calibration)
        {
            await output.WriteLineAsync($"{what} not measured: {answer.Failure ?? "no answer"}");
            return null;
        }

        // 1080p30 is what a person counts in.
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{what} {calibration.PixelsPerSecond / 1e6,8:0} Mpixel/s = {calibration.PixelsPerSecond / (1920 * 1080 * 30),5:0.0} of 1080p30 ({calibration.Sessions} at once)"));
        return calibration;
    }
}
