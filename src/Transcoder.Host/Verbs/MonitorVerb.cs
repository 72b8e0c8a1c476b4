using System.Runtime.InteropServices;
using System.Text.Json;
using Transcoder.Codecs.Monitoring;
using Transcoder.Media.Devices;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder worker monitor</c>: a line of JSON with every device's figures each second, until its standard input ends.</summary>
internal static class MonitorVerb
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static Verb Monitor(TextWriter output) => new("worker monitor", "", "Sample every device each second; started by the daemon.", async arguments =>
    {
        _ = new Arguments(arguments, [], [], []);

        // Ctrl-C and systemd signal the whole group; the daemon ends this process itself.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);
        _ = WorkerVerb.DieWithParentAsync(Console.OpenStandardInput());
        using var monitor = new DeviceMonitor();
        using var timer = new PeriodicTimer(Interval, TimeProvider.System);
        do
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(monitor.Sample(), DeviceJson.Default.MonitorReport));
            await output.FlushAsync();
        }
        while (await timer.WaitForNextTickAsync());

        return ExitCode.Success;
    }, Internal: true);
}
