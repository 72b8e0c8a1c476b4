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
        const int Fixed = 256 << 10;
        var most = Fixed + ((long)perByte * input.Length);
        var pool = _pool;
        try
        {
            var allocated = Run(input.ToArray(), pool, body);
            if (allocated > most)
            {
                // The first run of some code pays for what the runtime makes once.
                allocated = Run(input.ToArray(), pool, body);
            }

            Promise.Holds(pool.RentedBuffers == 0, $"{pool.RentedBuffers} blocks were not given back");
            Promise.Holds(pool.RentedPackets == 0, $"{pool.RentedPackets} packets were not given back");
            Promise.Holds(pool.PeakBytes <= pooled, $"{pool.PeakBytes} pooled bytes at once");
            Promise.Holds(allocated <= most, $"{allocated} bytes were allocated for {input.Length}");
        }
        catch
        {
            // What this run lost must not be held against the next one.
            _pool = new TrackingBufferPool(traces: false);
            throw;
        }
    }

    /// <returns>Managed bytes that are no pooled ones.</returns>
    private static long Run(byte[] bytes, TrackingBufferPool pool, Action<byte[], TrackingBufferPool> body)
    {
        pool.PeakBytes = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        body(bytes, pool);
        return GC.GetAllocatedBytesForCurrentThread() - before - pool.PeakBytes;
    }
}
