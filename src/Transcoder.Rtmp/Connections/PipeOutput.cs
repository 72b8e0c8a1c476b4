using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Transcoder.Rtmp.Connections;

/// <summary>For connections that are more than a socket (TLS, tests) and for clients: one copy, into the pipe.</summary>
internal sealed class PipeOutput(PipeWriter pipe) : IConnectionOutput
{
    /// <summary>A pipe says no more of a flush than that it is over.</summary>
    public long Parts => 0;

    public int TrySend(ReadOnlySpan<byte> bytes) => 0;

    public void Approach()
    {
    }

    public void Add(ArraySegment<byte> bytes) => pipe.Write(bytes);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FlushAsync()
    {
        var result = await pipe.FlushAsync(CancellationToken.None);
        return !result.IsCompleted && !result.IsCanceled;
    }

    public ValueTask CompleteAsync() => pipe.CompleteAsync();
}
