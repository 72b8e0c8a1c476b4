namespace Transcoder.Testing.Fuzzing;

/// <summary>What one run may cost: managed memory in proportion to its input, and every pooled block given back.</summary>
internal static class Bounds
{
    private static TrackingBufferPool _pool = new(traces: false);

    /// <summary>For what rents nothing.</summary>
    public static void Check(ReadOnlySpan<byte> input, int perByte, Action<byte[]> body) => Check(input, perByte, 0, (bytes, _) => body(bytes));

    /// <summary>Runs <paramref name="body"/> and checks both.</summary>
    /// <param name="perByte">Bytes of managed memory that a byte of input may cost in all, on top of a fixed part.</param>
    /// <param name="pooled">The most pooled bytes at once.</param>
    public static void Check(ReadOnlySpan<byte> input, int perByte, long pooled, Action<byte[], TrackingBufferPool> body)
    {
        // What the runtime makes once, at the first run, is in it.
        const int Fixed = 4 << 20;
        var pool = _pool;
        pool.PeakBytes = 0;
        var bytes = input.ToArray();
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            body(bytes, pool);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Promise.Holds(pool.RentedBuffers == 0, $"{pool.RentedBuffers} blocks were not given back");
            Promise.Holds(pool.RentedPackets == 0, $"{pool.RentedPackets} packets were not given back");
            Promise.Holds(pool.PeakBytes <= pooled, $"{pool.PeakBytes} pooled bytes at once");
            Promise.Holds(allocated - pool.PeakBytes <= Fixed + ((long)perByte * input.Length), $"{allocated} bytes were allocated for {input.Length}");
        }
        catch
        {
            // What this run lost must not be held against the next one.
            _pool = new TrackingBufferPool(traces: false);
            throw;
        }
    }
}
