using System.Threading.Channels;
using Transcoder.Media;
using Transcoder.Streams.Workers;

namespace Transcoder.Testing.Links;

/// <summary>Makes workers without processes, and fails when it is told to.</summary>
public sealed class FakeWorkerLauncher : IWorkerLauncher
{
    private readonly Channel<FakeWorker> _launched = Channel.CreateUnbounded<FakeWorker>();
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Starts that are to fail from now on.</summary>
    public int Failures { get; set; }

    /// <summary>Workers that are started from now on survive being killed.</summary>
    public bool HeldInKernel { get; set; }

    /// <summary>The next worker that was started.</summary>
    public async Task<FakeWorker> NextAsync() => await _launched.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    public Task<IWorker> LaunchAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Failures > 0)
        {
            Failures--;
            throw new WorkerStartException(new Reason(Reasons.WorkerStartFailed, "told to fail"));
        }

        var worker = new FakeWorker(1000 + Interlocked.Increment(ref _count)) { HeldInKernel = HeldInKernel };
        _launched.Writer.TryWrite(worker);
        return Task.FromResult<IWorker>(worker);
    }
}
