using System.Globalization;
using System.Text.Json;
using Transcoder.Codecs.Probing;
using Transcoder.Host.Devices;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder calibrate</c> and the process that does the work.</summary>
internal static class CalibrateVerbs
{
    private const double DefaultSeconds = 1.5;

    public static Verb Calibrate(TextWriter output, TextWriter errors) => new(
        "calibrate", "[--output FILE] [--device ID] [--seconds N]", $"Measure how much each device takes, on an idle machine, into {CalibrationFile.DefaultPath}.", async arguments =>
        {
            var parsed = new Arguments(arguments, ["--output", "--device", "--seconds"], [], []);
            var path = parsed["--output"] ?? CalibrationFile.DefaultPath;
            var seconds = parsed["--seconds"] is { } given ? Number(given) : DefaultSeconds;
            var report = await DeviceVerbs.Machine().RunAsync(CancellationToken.None);
            if (parsed["--device"] is { } only && report.Devices.All(device => device.Id != only))
            {
                throw new UsageException($"there is no device {only}; `transcoder devices` lists them");
            }

            var measured = await new MachineCalibration(DeviceVerbs.Program(), output).RunAsync(report, parsed["--device"], seconds, CancellationToken.None);
            if (measured.Count == 0)
            {
                await errors.WriteLineAsync("transcoder calibrate: nothing was measured; `transcoder doctor` may say why");
                return ExitCode.Failure;
            }

            try
            {
                // What is not measured this time keeps its figures.
                CalibrationFile.Save(path, CalibrationFile.Load(path).Where(known => !measured.ContainsKey(known.Key)).Concat(measured).ToDictionary());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
            {
                await errors.WriteLineAsync($"transcoder calibrate: {path} can't be written: {e.Message}");
                return ExitCode.Failure;
            }

            await output.WriteLineAsync($"written to {path}; the daemon reads it when it starts");
            return ExitCode.Success;
        });

    public static Verb Measure(TextWriter output, TextWriter errors) => new(
        "worker calibrate", "DEVICE KIND ENGINE CODEC SESSIONS SECONDS", "Measure one engine; started by calibrate.", async arguments =>
        {
            var words = new Arguments(arguments, [], [], ["DEVICE", "KIND", "ENGINE", "CODEC", "SESSIONS", "SECONDS"]);
            _ = WorkerVerb.DieWithParentAsync(Console.OpenStandardInput());
            var codec = Enum.GetValues<CodecId>().FirstOrDefault(id => id.Name() == words.Word(3));
            try
            {
                var calibrator = new DeviceCalibrator(
                    new DeviceRef(words.Word(0), words.Word(1)), (int)Number(words.Word(4)), TimeSpan.FromSeconds(Number(words.Word(5))), TimeProvider.System);
                var calibration = words.Word(2) switch
                {
                    "encode" => calibrator.Encode(codec),
                    "decode" => calibrator.Decode(codec),
                    _ => calibrator.Scale(),
                };
                await output.WriteLineAsync(JsonSerializer.Serialize(calibration, DeviceJson.Default.Calibration));
                return ExitCode.Success;
            }
            catch (CodecException e)
            {
                await errors.WriteLineAsync(e.Message);
                return ExitCode.Failure;
            }
        },
        Internal: true);

    private static double Number(string word) =>
        double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 60
            ? number
            : throw new UsageException($"{word} is no number between 0 and 60");
}
