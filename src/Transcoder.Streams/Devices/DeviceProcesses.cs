using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Transcoder.Media.Devices;

namespace Transcoder.Streams.Devices;

/// <summary>
/// Runs <c>transcoder worker probe</c> and <c>transcoder worker monitor</c>. Their standard input stays open as their lifeline, as a worker's does. A
/// process that a driver holds is killed and left to the kernel: nothing waits for it.
/// </summary>
public sealed class DeviceProcesses(string executable, TimeProvider clock) : IDeviceProgram
{
    /// <summary>The probe gives each card its own deadline, four at a time: sixteen cards that all hang are done by then.</summary>
    private static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(200);

    /// <summary>The monitor writes each second; its start, with the drivers' libraries, may take as long as this too.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan DeathDeadline = TimeSpan.FromSeconds(2);

    public async Task<ProbeReport> ProbeAsync(CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(ProbeDeadline, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        var process = Start("probe");
        await using (process.ConfigureAwait(false))
        {
            try
            {
                var answer = await process.Output.ReadToEndAsync(either.Token).ConfigureAwait(false);
                return JsonSerializer.Deserialize(answer, DeviceJson.Default.ProbeReport) ?? throw new DeviceProgramException("the device probe answered nothing");
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new DeviceProgramException($"the device probe did not answer within {ProbeDeadline.TotalSeconds} s: a driver hangs");
            }
            catch (JsonException e)
            {
                throw new DeviceProgramException($"the device probe ended without its report ({await process.StatusAsync(clock).ConfigureAwait(false)})", e);
            }
        }
    }

    public async IAsyncEnumerable<MonitorReport> MonitorAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var process = Start("monitor");
        await using (process.ConfigureAwait(false))
        {
            while (await ReadAsync(process, cancellationToken).ConfigureAwait(false) is { } report)
            {
                yield return report;
            }
        }
    }

    private async Task<MonitorReport?> ReadAsync(Child process, CancellationToken cancellationToken)
    {
        using var silence = new CancellationTokenSource(Silence, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, silence.Token);
        try
        {
            if (await process.Output.ReadLineAsync(either.Token).ConfigureAwait(false) is not { } line)
            {
                throw new DeviceProgramException($"the device monitor ended ({await process.StatusAsync(clock).ConfigureAwait(false)})");
            }

            return JsonSerializer.Deserialize(line, DeviceJson.Default.MonitorReport) ?? throw new DeviceProgramException("the device monitor wrote an empty report");
        }
        catch (OperationCanceledException)
        {
            return cancellationToken.IsCancellationRequested ? null : throw new DeviceProgramException($"the device monitor was silent for {Silence.TotalSeconds} s: a driver call hangs");
        }
        catch (JsonException e)
        {
            throw new DeviceProgramException($"the device monitor wrote what is no report: {e.Message}", e);
        }
    }

    private Child Start(string verb)
    {
        try
        {
            return new Child(Process.Start(new ProcessStartInfo(executable, ["worker", verb]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })
                ?? throw new DeviceProgramException($"the device {verb} did not start"));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new DeviceProgramException($"the device {verb} did not start: {e.Message}", e);
        }
    }

    private sealed class Child(Process process) : IAsyncDisposable
    {
        public StreamReader Output => process.StandardOutput;

        /// <summary>What its exit says, once it has closed its output.</summary>
        public async Task<string> StatusAsync(TimeProvider clock)
        {
            await process.WaitForExitAsync().WaitAsync(DeathDeadline, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return !process.HasExited ? "still running" : process.ExitCode > 128 ? $"killed by signal {process.ExitCode - 128}" : $"exit status {process.ExitCode}";
        }

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            process.StandardInput.Close();
            process.StandardOutput.Close();
            await process.WaitForExitAsync().WaitAsync(DeathDeadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            process.Dispose();
        }
    }
}
