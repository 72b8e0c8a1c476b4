using Transcoder.Media;

namespace Transcoder.Streams.Workers;

/// <summary>Makes workers: child processes in the product, tasks over an in-memory link in tests.</summary>
public interface IWorkerLauncher
{
    /// <summary>A worker that has said hello and waits for its job.</summary>
    /// <exception cref="WorkerStartException">It didn't come up within the deadline.</exception>
    Task<IWorker> LaunchAsync(CancellationToken cancellationToken);
}

/// <summary>A worker, owned by whoever rented it. Disposing kills it and waits until it has gone.</summary>
public interface IWorker : IAsyncDisposable
{
    int ProcessId { get; }

    /// <summary>The local socket, both ways.</summary>
    Stream Link { get; }

    /// <summary>Completes when the process has ended, with what its exit status says.</summary>
    Task<string> Exited { get; }

    void Kill();
}

public sealed class WorkerStartException(Reason reason, Exception? inner = null) : Exception(reason.ToString(), inner)
{
    public Reason Reason { get; } = reason;
}
