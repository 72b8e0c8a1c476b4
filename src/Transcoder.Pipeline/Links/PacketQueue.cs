namespace Transcoder.Pipeline.Links;

/// <summary>
/// From the link reader to one decode thread. Full in packets or bytes: the reader waits, the daemon's feed with it, and in the end the publisher.
/// One writer, one reader.
/// </summary>
internal sealed class PacketQueue(int packets, int bytes)
{
    // While the daemon's answer stands behind packets on the link: so many times more than usual.
    private const int Relaxation = 16;

    // Waits are woken by the other side; the slice only bounds the harm of a lost wake-up.
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly Queue<LinkItem> _items = new(packets);
    private long _bytes;
    private bool _aborted;
    private bool _relaxed;

    /// <summary>
    /// An answer of the daemon is awaited, and the reader of this queue may wait for it: the link must be read on, or the answer would never be reached.
    /// </summary>
    public bool IsRelaxed
    {
        set
        {
            lock (_gate)
            {
                _relaxed = value;
                Monitor.PulseAll(_gate);
            }
        }
    }

    /// <summary>Waits for room. Takes over the packet's reference, also when it answers false.</summary>
    /// <returns>False once aborted.</returns>
    public bool Put(in LinkItem item)
    {
        var size = item.Packet?.Payload.Length ?? 0;
        lock (_gate)
        {
            while (!_aborted && IsFull(size))
            {
                Monitor.Wait(_gate, Slice);
            }

            if (!_aborted)
            {
                _items.Enqueue(item);
                _bytes += size;
                Monitor.PulseAll(_gate);
                return true;
            }
        }

        item.Packet?.Release();
        return false;
    }

    private bool IsFull(int size)
    {
        var times = _relaxed ? Relaxation : 1;
        return _items.Count > 0 && (_items.Count >= packets * times || _bytes + size > (long)bytes * times);
    }

    /// <summary>Waits for an item; the caller owns its packet.</summary>
    /// <returns>False once aborted.</returns>
    public bool Take(out LinkItem item)
    {
        lock (_gate)
        {
            while (!_aborted && _items.Count == 0)
            {
                Monitor.Wait(_gate, Slice);
            }

            if (_aborted)
            {
                item = default;
                return false;
            }

            item = _items.Dequeue();
            _bytes -= item.Packet?.Payload.Length ?? 0;
            Monitor.PulseAll(_gate);
            return true;
        }
    }

    /// <summary>Releases everything and turns both sides away.</summary>
    public void Abort()
    {
        lock (_gate)
        {
            _aborted = true;
            while (_items.TryDequeue(out var item))
            {
                item.Packet?.Release();
            }

            Monitor.PulseAll(_gate);
        }
    }
}
