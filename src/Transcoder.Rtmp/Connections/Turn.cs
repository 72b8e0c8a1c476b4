namespace Transcoder.Rtmp.Connections;

/// <summary>
/// One at a time, first come first served. A semaphore is objects of its own, none of them in the caches when a player's turn comes; this is a part of its owner, and taking
/// it is one instruction where nobody waits. Safe from any thread; not to be copied.
/// </summary>
internal struct Turn()
{
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private int _taken;
    private volatile bool _isAwaited;

    /// <returns>Whether the caller has the turn, and is to give it back.</returns>
    public bool TryTake() => Interlocked.CompareExchange(ref _taken, 1, 0) == 0;

    /// <summary>Waits for the turn, which is then the caller's to give back.</summary>
    /// <exception cref="OperationCanceledException">It was not given in time.</exception>
    public ValueTask TakeAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        return TryTake() || Queue() is not { } wait ? default : new ValueTask(WaitAsync(wait, cancellationToken));
    }

    /// <summary>What the caller reads afterwards it reads after the turn was free, or another's.</summary>
    public void GiveBack()
    {
        if (!_isAwaited)
        {
            Interlocked.Exchange(ref _taken, 0);
            if (!_isAwaited || !TryTake())
            {
                return;
            }
        }

        HandOver();
    }

    private static async Task WaitAsync(TaskCompletionSource wait, CancellationToken cancellationToken)
    {
        // Either the turn or the end comes first.
        using var end = cancellationToken.UnsafeRegister(static (wait, token) => ((TaskCompletionSource)wait!).TrySetCanceled(token), wait);
        await wait.Task;
    }

    /// <returns>Null where the caller has the turn after all.</returns>
    private TaskCompletionSource? Queue()
    {
        lock (_waiting)
        {
            // Whoever gives it back looks for those who wait afterwards, and who waits looks at it afterwards: one of them sees the other.
            _isAwaited = true;
            if (_waiting.Count == 0 && TryTake())
            {
                _isAwaited = false;
                return null;
            }

            var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(wait);
            return wait;
        }
    }

    /// <summary>By who has the turn: to the first that still waits.</summary>
    private void HandOver()
    {
        while (true)
        {
            TaskCompletionSource next;
            lock (_waiting)
            {
                if (!_waiting.TryDequeue(out next!))
                {
                    _isAwaited = false;
                    Interlocked.Exchange(ref _taken, 0);
                    return;
                }
            }

            if (next.TrySetResult())
            {
                return;
            }
        }
    }
}
