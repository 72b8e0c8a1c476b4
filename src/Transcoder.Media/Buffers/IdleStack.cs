namespace Transcoder.Media.Buffers;

/// <summary>
/// What a pool has to lend, up to a limit. The last one returned is lent first: it is still in the processor's cache, and what a burst left below it is not kept warm by
/// going round. The links are in the objects, so nothing is allocated. Thread safe.
/// </summary>
internal sealed class IdleStack<T>(int limit)
    where T : RefCounted
{
    private readonly Lock _gate = new();
    private RefCounted? _top;
    private int _count;

    /// <summary>How many lie idle, at this moment.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <returns>False when there are enough: the garbage collector takes it.</returns>
    public bool TryPush(T returned)
    {
        lock (_gate)
        {
            if (_count == limit)
            {
                return false;
            }

            returned.Below = _top;
            _top = returned;
            _count++;
            return true;
        }
    }

    public T? TryPop()
    {
        // Most classes of most pools are empty, and a block that comes back this moment is not missed.
        if (Volatile.Read(ref _count) == 0)
        {
            return null;
        }

        lock (_gate)
        {
            if (_top is not T lent)
            {
                return null;
            }

            _top = lent.Below;
            lent.Below = null;
            _count--;
            return lent;
        }
    }
}
