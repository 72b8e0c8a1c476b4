using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>A program that a test started: what it says is kept, and it is gone when the test is.</summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigSegv = 11;
    public const int SigStop = 19;

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly List<string> _lines = [];

    private ChildProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Standard output, whole lines.</summary>
    public string Output
    {
        get
        {
            lock (_lines)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Both streams, line by line in the order of arrival.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public static ChildProcess Start(string program, params IEnumerable<string> arguments) => Start(program, environment: null, arguments);

    /// <param name="environment">Added to the test's own.</param>
    public static ChildProcess Start(string program, IReadOnlyDictionary<string, string>? environment, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException($"{program} could not be started ({e.Message}); `make test` installs and builds what the tests need", e);
        }

        var child = new ChildProcess(process);
        process.OutputDataReceived += (_, line) => child.Keep(line.Data, output: true);
        process.ErrorDataReceived += (_, line) => child.Keep(line.Data, output: false);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Runs to the end.</summary>
    /// <exception cref="InvalidOperationException">It ended with another code than 0.</exception>
    public static async Task<string> RunAsync(string program, params IEnumerable<string> arguments)
    {
        await using var child = Start(program, arguments);
        var code = await child.ExitAsync();
        return code == 0 ? child.Output : throw new InvalidOperationException($"{program} ended with {code}:\n{string.Join('\n', child.Lines)}");
    }

    /// <summary>Waits for the end and for the last line.</summary>
    public async Task<int> ExitAsync(TimeSpan? deadline = null)
    {
        using var timeout = new CancellationTokenSource(deadline ?? Polling.Patience);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{_process.StartInfo.FileName} still runs:\n{string.Join('\n', Lines)}");
        }

        return _process.ExitCode;
    }

    public void Signal(int signal) => Send(_process.Id, signal);

    public static void Send(int processId, int signal)
    {
        if (Kill(processId, signal) != 0)
        {
            throw new InvalidOperationException($"signal {signal} to process {processId}: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Keep(string? line, bool output)
    {
        if (line is null)
        {
            return;
        }

        lock (_lines)
        {
            _lines.Add(line);
            if (output)
            {
                _output.Append(line).Append('\n');
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
