using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Transcoder.Media.Devices;

namespace Transcoder.Streams.Devices;

/// <summary>
/// Runs <c>transcoder worker probe</c> and <c>transcoder worker monitor</c>. Their standard input stays open as their lifeline, as a worker's does. A
/// process that a driver holds is killed and left to the kernel; until it has gone, no other one of its sort is started.
/// </summary>
public sealed class DeviceProcesses(string executable, TimeProvider clock) : IDeviceProgram
{
    /// <summary>The probe gives each card its own deadline, four at a time: sixteen cards that all hang are done by then.</summary>
    private static readonly TimeSpan ProbeDeadline = TimeSpan.FromSeconds(200);

    /// <summary>The monitor writes each second; its start, with the drivers' libraries, may take as long as this too.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan DeathDeadline = TimeSpan.FromSeconds(2);

    private readonly ProcessEnds _probes = new("probe");
    private readonly ProcessEnds _monitors = new("monitor");

    public async IAsyncEnumerable<ProbeReport> ProbeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(ProbeDeadline, clock);
        var process = Start(_probes);
        await using (process.ConfigureAwait(false))
        {
            while (!process.IsDone)
            {
                var report = await ReadAsync(process, DeviceJson.Default.ProbeReport, timer, $"did not answer within {ProbeDeadline.TotalSeconds} s", cancellationToken).ConfigureAwait(false);
                process.IsDone = report.IsComplete;
                yield return report;
            }
        }
    }

    public async IAsyncEnumerable<MonitorReport> MonitorAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var process = Start(_monitors);
        await using (process.ConfigureAwait(false))
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                using var silence = new CancellationTokenSource(Silence, clock);
                yield return await ReadAsync(process, DeviceJson.Default.MonitorReport, silence, $"was silent for {Silence.TotalSeconds} s", cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<T> ReadAsync<T>(Child process, JsonTypeInfo<T> type, CancellationTokenSource timer, string late, CancellationToken cancellationToken)
        where T : class
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timer.Token);
        try
        {
            return await process.Output.ReadLineAsync(either.Token).ConfigureAwait(false) is { } line
                ? JsonSerializer.Deserialize(line, type) ?? throw new DeviceProgramException($"the device {process.Verb} wrote an empty report")
                : throw new DeviceProgramException($"the device {process.Verb} ended ({await process.StatusAsync(clock).ConfigureAwait(false)})");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new DeviceProgramException($"the device {process.Verb} {late}: a driver call hangs");
        }
        catch (JsonException e)
        {
            throw new DeviceProgramException($"the device {process.Verb} wrote what is no report: {e.Message}", e);
        }
    }

    private Child Start(ProcessEnds ends)
    {
        ends.ThrowIfOneIsLeft();
        try
        {
            var process = Process.Start(new ProcessStartInfo(executable, ["worker", ends.Verb]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })
                ?? throw new DeviceProgramException($"the device {ends.Verb} did not start");
            var child = new Child(ends.Verb, process);
            ends.Add(child.End);
            return child;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new DeviceProgramException($"the device {ends.Verb} did not start: {e.Message}", e);
        }
    }

    private sealed class Child(string verb, Process process) : IAsyncDisposable
    {
        public string Verb => verb;

        /// <summary>Completes when the kernel has let it go.</summary>
        public Task End { get; } = process.WaitForExitAsync();

        /// <summary>It has done its work and ends by itself, as soon as those have ended that it had to kill.</summary>
        public bool IsDone { get; set; }

        public StreamReader Output => process.StandardOutput;

        /// <summary>What its exit says, once it has closed its output.</summary>
        public async Task<string> StatusAsync(TimeProvider clock)
        {
            await End.WaitAsync(DeathDeadline, clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return !process.HasExited ? "still running" : process.ExitCode > 128 ? $"killed by signal {process.ExitCode - 128}" : $"exit status {process.ExitCode}";
        }

        public async ValueTask DisposeAsync()
        {
            if (!IsDone && !process.HasExited)
            {
                process.Kill();
            }

            var release = ReleaseAsync();
            await release.WaitAsync(DeathDeadline).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        /// <summary>Its lifeline is held for as long as it lives.</summary>
        private async Task ReleaseAsync()
        {
            await End.ConfigureAwait(false);
            process.StandardInput.Close();
            process.StandardOutput.Close();
            process.Dispose();
        }
    }
}
