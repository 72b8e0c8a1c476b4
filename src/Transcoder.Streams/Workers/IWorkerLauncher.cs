using Transcoder.Media;

namespace Transcoder.Streams.Workers;

/// <summary>Makes workers: child processes in the product, tasks over an in-memory link in tests.</summary>
public interface IWorkerLauncher
{
    /// <summary>A worker that has said hello and waits for its job.</summary>
    /// <exception cref="WorkerStartException">It didn't come up within the deadline.</exception>
    Task<IWorker> LaunchAsync(CancellationToken cancellationToken);
}

/// <summary>A worker, owned by whoever rented it. Disposing kills it and waits until it has gone, but not for ever: a driver may hold it in the kernel.</summary>
public interface IWorker : IAsyncDisposable
{
    int ProcessId { get; }

    /// <summary>The local socket, both ways.</summary>
    Stream Link { get; }

    /// <summary>Completes when the process has ended.</summary>
    Task<WorkerExit> Exited { get; }

    void Kill();
}

/// <summary>How a worker's process ended.</summary>
/// <param name="Status">As a shell says it: from 129 on a signal.</param>
public readonly record struct WorkerExit(int Status)
{
    private const int SigKill = 9;
    private const int SigTerm = 15;

    /// <summary>It was its own doing: kills come from us, from people and from a machine without memory.</summary>
    public bool IsCrash => Signal > 0 && Signal is not (SigKill or SigTerm);

    private int Signal => Status > 128 ? Status - 128 : 0;

    public override string ToString() => Signal > 0 ? $"killed by signal {Signal}" : $"exit status {Status}";
}

public sealed class WorkerStartException(Reason reason, Exception? inner = null) : Exception(reason.ToString(), inner)
{
    public Reason Reason { get; } = reason;
}
