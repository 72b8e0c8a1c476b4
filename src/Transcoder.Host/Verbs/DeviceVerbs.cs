using System.Globalization;
using System.Text.Json;
using Transcoder.Codecs.Probing;
using Transcoder.Host.Devices;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder devices</c>, <c>transcoder doctor</c> and the process behind both.</summary>
internal static class DeviceVerbs
{
    public static Verb Devices(TextWriter output) => new("devices", "[--json]", "List what this machine decodes, scales and encodes with, each proved by doing it.", async arguments =>
    {
        var asJson = new Arguments(arguments, [], ["--json"], []).Has("--json");
        var report = await Machine().RunAsync(CancellationToken.None);
        await output.WriteAsync(asJson ? DeviceTable.Json(report) : DeviceTable.Text(report));
        return ExitCode.Success;
    });

    public static Verb Doctor(TextWriter output) => new("doctor", "", "Say what is missing or wrong with drivers and devices, and what to do; exit code 1 if anything is.", async arguments =>
    {
        _ = new Arguments(arguments, [], [], []);
        var diagnosis = new Diagnosis(await Machine().RunAsync(CancellationToken.None));
        await output.WriteAsync(diagnosis.Text());
        return diagnosis.IsHealthy ? ExitCode.Success : ExitCode.Failure;
    });

    /// <summary>Without a subject the whole machine, with one that device: a line of JSON for each step, the last counts.</summary>
    public static Verb Probe(TextWriter output, TextWriter errors) => new("worker probe", "[SUBJECT] [--patience SECONDS]", "Try every device; started by the daemon.", async arguments =>
    {
        var parsed = new Arguments(arguments, ["--patience"], [], ["SUBJECT?"]);
        var subject = parsed.WordOrNull(0);
        _ = WorkerVerb.DieWithParentAsync(Console.OpenStandardInput());
        if (subject is null)
        {
            var machine = Machine(parsed["--patience"]);
            Publish(await machine.RunAsync(CancellationToken.None, Publish));
            await machine.LeaveAsync();
            return ExitCode.Success;
        }

        try
        {
            DeviceProbe.Run(subject, Publish);
            return ExitCode.Success;
        }
        catch (CodecException e)
        {
            await errors.WriteLineAsync(e.Message);
            return ExitCode.Failure;
        }

        void Publish(ProbeReport report)
        {
            output.WriteLine(JsonSerializer.Serialize(report, DeviceJson.Default.ProbeReport));
            output.Flush();
        }
    }, Internal: true);

    public static MachineProbe Machine(string? patience = null) =>
        new(Program(), patience is null ? MachineProbe.Patience : TimeSpan.FromSeconds(int.Parse(patience, CultureInfo.InvariantCulture)));

    public static ChildProgram Program() => new(Environment.ProcessPath!, TimeProvider.System);
}
