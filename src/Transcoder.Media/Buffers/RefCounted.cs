namespace Transcoder.Media.Buffers;

/// <summary>
/// An object shared by reference count. The receiver owns one reference and must release it; whoever shares adds a reference first.
/// A released object refuses resurrection: the guilty caller gets the exception, not a stranger's frame.
/// Safe to call from any thread.
/// </summary>
public abstract class RefCounted
{
    private int _references = 1;

    /// <summary>The next one in an <see cref="IdleStack{T}"/>.</summary>
    internal RefCounted? Below { get; set; }

    /// <summary>True once the last reference has gone.</summary>
    public bool IsReleased => Volatile.Read(ref _references) <= 0;

    /// <summary>Whether there is an owner beside the one who asks.</summary>
    public bool IsShared => Volatile.Read(ref _references) > 1;

    /// <summary>Adds a reference for another owner.</summary>
    /// <exception cref="ObjectDisposedException">The last reference has gone.</exception>
    public void AddReference()
    {
        var seen = Volatile.Read(ref _references);
        while (true)
        {
            if (seen <= 0)
            {
                throw new ObjectDisposedException(GetType().Name, "a reference was added after the last one was released");
            }

            var before = Interlocked.CompareExchange(ref _references, seen + 1, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    /// <summary>Gives back one reference; the last one returns the object to where it came from.</summary>
    /// <exception cref="ObjectDisposedException">It was already released by everyone.</exception>
    public void Release()
    {
        var left = Interlocked.Decrement(ref _references);
        if (left == 0)
        {
            OnReleased();
        }
        else if (left < 0)
        {
            Interlocked.Increment(ref _references);
            throw new ObjectDisposedException(GetType().Name, "released once more than it was owned");
        }
    }

    /// <summary>Runs once, on the thread that released last.</summary>
    protected abstract void OnReleased();

    /// <summary>For pools: the object begins a new life with one reference.</summary>
    protected void Revive()
    {
        if (Interlocked.CompareExchange(ref _references, 1, 0) != 0)
        {
            throw new InvalidOperationException($"{GetType().Name} was rented while it still had owners");
        }
    }
}
