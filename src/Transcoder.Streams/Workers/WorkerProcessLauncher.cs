using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Workers;

/// <summary>
/// Starts workers as child processes of the same executable and waits for each to connect to the daemon's local socket. The child's standard input
/// stays open as its lifeline: when the daemon dies, in whatever way, the kernel closes it and the child ends itself.
/// </summary>
public sealed partial class WorkerProcessLauncher : IWorkerLauncher, IAsyncDisposable
{
    private static readonly TimeSpan HelloDeadline = TimeSpan.FromSeconds(10);

    private readonly string _executable;
    private readonly string _version;
    private readonly WorkerPolicy _policy;
    private readonly TimeProvider _clock;
    private readonly ILogger<WorkerProcessLauncher> _log;
    private readonly Socket _listener;
    private readonly string _address;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<Stream>> _expected = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    /// <param name="executable">The program that knows the verb <c>worker ingest</c>.</param>
    /// <param name="version">Both ends of the link must be of one build.</param>
    public WorkerProcessLauncher(string executable, string version, WorkerPolicy policy, TimeProvider clock, ILogger<WorkerProcessLauncher> log)
    {
        _executable = executable;
        _version = version;
        _policy = policy;
        _clock = clock;
        _log = log;

        // An abstract address leaves no file behind after a kill; the secret, not the address, keeps strangers out.
        _address = $"transcoder-{Environment.ProcessId}-{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}";
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint("\0" + _address));
        _listener.Listen(16);
        _accepting = AcceptAsync();
    }

    public async Task<IWorker> LaunchAsync(CancellationToken cancellationToken)
    {
        var secret = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        var connected = new TaskCompletionSource<Stream>(TaskCreationOptions.RunContinuationsAsynchronously);
        _expected[secret] = connected;
        WorkerProcess? worker = null;
        try
        {
            worker = WorkerProcess.Start(_executable, _address, secret, _clock);
            var first = await Task.WhenAny(connected.Task, worker.Exited).WaitAsync(_policy.StartTimeout, _clock, cancellationToken).ConfigureAwait(false);
            if (first != connected.Task)
            {
                throw new WorkerStartException(new Reason(Reasons.WorkerStartFailed, $"the worker process ended before it said hello: {await worker.Exited.ConfigureAwait(false)}"));
            }

            worker.Attach(await connected.Task.ConfigureAwait(false));
            return worker;
        }
        catch (Exception e) when (e is not WorkerStartException && !cancellationToken.IsCancellationRequested)
        {
            var reason = e is TimeoutException ? $"no hello from the worker process within {_policy.StartTimeout.TotalSeconds} s" : e.Message;
            throw new WorkerStartException(new Reason(Reasons.WorkerStartFailed, reason), e);
        }
        finally
        {
            _expected.TryRemove(secret, out _);
            if (worker is not null && !worker.IsAttached)
            {
                // It may have said hello in the moment in which it was given up: nobody else would close that link.
                if (!connected.TrySetCanceled(CancellationToken.None) && connected.Task.IsCompletedSuccessfully)
                {
                    await (await connected.Task.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
                }

                await worker.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var socket = await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
                _ = GreetAsync(new NetworkStream(socket, ownsSocket: true));
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException || _stop.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e)
            {
                LogAcceptFailed(e.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _clock).ConfigureAwait(false);
            }
        }
    }

    private async Task GreetAsync(NetworkStream link)
    {
        try
        {
            using var deadline = new CancellationTokenSource(HelloDeadline, _clock);
            var head = new byte[WorkerMessageHeader.Size];
            await link.ReadExactlyAsync(head, deadline.Token).ConfigureAwait(false);
            var header = WorkerMessageHeader.Read(head);
            if (header.Type != WorkerMessageType.Hello || header.PayloadLength > 4096)
            {
                throw new InvalidDataException($"the first message is {header.Type}, not Hello");
            }

            var body = new byte[header.PayloadLength];
            await link.ReadExactlyAsync(body, deadline.Token).ConfigureAwait(false);
            var hello = JsonSerializer.Deserialize(body, WorkerJson.Default.WorkerHello) ?? throw new InvalidDataException("an empty hello");
            if (hello.Version != _version)
            {
                throw new InvalidDataException($"the worker is version {hello.Version}, the daemon {_version}");
            }

            if (hello.Secret is null || !_expected.TryRemove(hello.Secret, out var expected) || !expected.TrySetResult(link))
            {
                throw new InvalidDataException("nobody waits for this worker");
            }
        }
        catch (Exception e) when (e is IOException or InvalidDataException or JsonException or OperationCanceledException)
        {
            LogStranger(e.Message);
            await link.DisposeAsync().ConfigureAwait(false);
        }
    }

    [LoggerMessage(220, LogLevel.Warning, "a connection on the workers' local socket was refused: {Error}")]
    private partial void LogStranger(string error);

    [LoggerMessage(221, LogLevel.Warning, "accepting workers: {Error}")]
    private partial void LogAcceptFailed(string error);

    private sealed class WorkerProcess : IWorker
    {
        /// <summary>A process that a driver holds in the kernel dies only when the driver lets go: nothing of ours waits longer for it.</summary>
        private static readonly TimeSpan DeathDeadline = TimeSpan.FromSeconds(5);

        private readonly Process _process;
        private readonly TimeProvider _clock;
        private Stream? _link;

        private WorkerProcess(Process process, TimeProvider clock)
        {
            _process = process;
            _clock = clock;
            ProcessId = process.Id;
            Exited = WaitAsync();
        }

        public int ProcessId { get; }

        public Stream Link => _link ?? throw new InvalidOperationException("the worker has not connected");

        public bool IsAttached => _link is not null;

        public Task<WorkerExit> Exited { get; }

        public static WorkerProcess Start(string executable, string address, string secret, TimeProvider clock)
        {
            var process = Process.Start(new ProcessStartInfo(executable, ["worker", "ingest", address]) { RedirectStandardInput = true, UseShellExecute = false })
                ?? throw new InvalidOperationException("the worker process did not start");

            try
            {
                // Not an argument: those can be read by every user of the machine. It fits the pipe, so this never waits.
                process.StandardInput.WriteLine(secret);
                process.StandardInput.Flush();
                return new WorkerProcess(process, clock);
            }
            catch
            {
                process.Kill();
                process.StandardInput.Close();
                process.Dispose();
                throw;
            }
        }

        public void Attach(Stream link) => _link = link;

        public void Kill()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }
        }

        public async ValueTask DisposeAsync()
        {
            Kill();
            if (_link is not null)
            {
                await _link.DisposeAsync().ConfigureAwait(false);
            }

            // The runtime leaves a redirected input that was used to its user: without this, each worker costs a descriptor until the next collection.
            CloseInput();
            await ((Task)Exited).WaitAsync(DeathDeadline, _clock).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (Exited.IsCompleted)
            {
                _process.Dispose();
            }
        }

        private void CloseInput()
        {
            try
            {
                _process.StandardInput.Close();
            }
            catch (IOException)
            {
                // Nothing was left to write, and the reader is dead: the descriptor is closed all the same.
            }
        }

        private async Task<WorkerExit> WaitAsync()
        {
            await _process.WaitForExitAsync().ConfigureAwait(false);
            return new WorkerExit(_process.ExitCode);
        }
    }
}
