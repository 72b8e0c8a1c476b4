using System.Collections.Concurrent;
using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;

namespace Transcoder.Testing;

/// <summary>The buffer pool's twin for tests: remembers who rented what, fills returned blocks with rubbish, and fails at the end when something did not come back.</summary>
/// <param name="traces">False where speed matters more than knowing who rented: a stack trace costs more than most tests.</param>
public sealed class TrackingBufferPool(bool traces = true) : MediaBufferPool, IDisposable
{
    private static readonly StackTrace Untraced = new(0, false);

    private readonly ConcurrentDictionary<object, StackTrace> _owned = new(ReferenceEqualityComparer.Instance);
    private long _bytes;

    /// <summary>The largest block that was ever rented.</summary>
    public int Largest { get; private set; }

    /// <summary>Capacity of what is rented now.</summary>
    public long RentedBytes => Interlocked.Read(ref _bytes);

    /// <summary>The most that was rented at once, since it was last set.</summary>
    public long PeakBytes { get; set; }

    public override MediaBuffer Rent(int size)
    {
        var buffer = base.Rent(size);
        PeakBytes = Math.Max(PeakBytes, Interlocked.Add(ref _bytes, buffer.Capacity));
        Largest = Math.Max(Largest, buffer.Capacity);
        _owned[buffer] = traces ? new StackTrace(1, fNeedFileInfo: true) : Untraced;
        return buffer;
    }

    /// <exception cref="InvalidOperationException">Blocks are still owned; the message shows where they were rented.</exception>
    public void Dispose()
    {
        if (!_owned.IsEmpty || RentedPackets != 0)
        {
            throw new InvalidOperationException(
                $"{_owned.Count} buffers and {RentedPackets} packets were not returned; first rented at:\n{_owned.Values.FirstOrDefault()}");
        }
    }

    protected override void Return(MediaBuffer buffer)
    {
        if (!_owned.TryRemove(buffer, out _))
        {
            throw new InvalidOperationException("a buffer was returned that nobody had rented");
        }

        Interlocked.Add(ref _bytes, -buffer.Capacity);

        // A reader that kept a slice too long sees this instead of plausible bytes.
        buffer.Span.Fill(0xDB);
        base.Return(buffer);
    }
}
