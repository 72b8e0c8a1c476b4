using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace Transcoder.Host.Devices;

/// <summary>What a child process said before it ended or its time was over.</summary>
/// <param name="Output">Its standard output, line by line.</param>
/// <param name="Failure">How it ended when not in order; null: it did its work.</param>
internal sealed record ChildAnswer(IReadOnlyList<string> Output, string? Failure, bool IsLate = false);

/// <summary>Runs verbs of this program in processes of their own: a driver that hangs or crashes takes only the child along.</summary>
internal sealed class ChildProgram(string executable, TimeProvider clock)
{
    // A process that the kernel holds in a driver does not die of a kill; it isn't waited for.
    private static readonly TimeSpan DeathDeadline = TimeSpan.FromSeconds(1);

    private readonly ConcurrentBag<Task> _held = [];

    // Of what a child complains.
    private const int MostErrorLines = 20;

    /// <param name="silence">Between two lines of its output, and before the first: a child that says nothing for so long hangs.</param>
    /// <param name="deadline">For all of its work.</param>
    public async Task<ChildAnswer> RunAsync(IEnumerable<string> arguments, TimeSpan silence, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(executable, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        var output = new List<string>();
        var errors = new List<string>();
        var started = clock.GetTimestamp();
        var heard = started;
        process.OutputDataReceived += (_, line) =>
        {
            Volatile.Write(ref heard, clock.GetTimestamp());
            Keep(output, line.Data, int.MaxValue);
        };
        process.ErrorDataReceived += (_, line) => Keep(errors, line.Data, MostErrorLines);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            process.Dispose();
            return new ChildAnswer([], $"{executable} can't be started: {e.Message}");
        }

        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            var exit = process.WaitForExitAsync(cancellationToken);
            while (!exit.IsCompleted)
            {
                var left = TimeSpan.FromTicks(Math.Min((silence - clock.GetElapsedTime(Volatile.Read(ref heard))).Ticks, (deadline - clock.GetElapsedTime(started)).Ticks));
                if (left <= TimeSpan.Zero)
                {
                    return new ChildAnswer(Kept(output), $"no answer for {clock.GetElapsedTime(Volatile.Read(ref heard)).TotalSeconds:0} s", IsLate: true);
                }

                await exit.WaitAsync(left, clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }

            await exit;
            var status = process.ExitCode;
            return new ChildAnswer(Kept(output), status == 0 ? null : $"{Ending(status)}{(Kept(errors) is [.., var last] ? $": {last}" : "")}");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }

            var end = EndAsync(process);
            await end.WaitAsync(DeathDeadline, clock, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!end.IsCompleted)
            {
                _held.Add(end);
            }
        }
    }

    /// <summary>Waits for those that didn't die of their kill: who ends before them leaves them without anybody who knows.</summary>
    public Task LeaveAsync() => Task.WhenAll(_held);

    private static async Task EndAsync(Process process)
    {
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static string Ending(int status) => status > 128 ? $"killed by signal {status - 128}" : $"ended with {status}";

    private static void Keep(List<string> lines, string? line, int most)
    {
        lock (lines)
        {
            if (line is not null && lines.Count < most)
            {
                lines.Add(line);
            }
        }
    }

    private static List<string> Kept(List<string> lines)
    {
        lock (lines)
        {
            return [.. lines];
        }
    }
}
