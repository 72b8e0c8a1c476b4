namespace Transcoder.Pipeline.Encoding;

/// <summary>At most so many restarts in a sliding time: beyond it the fault is not going away. One thread.</summary>
internal sealed class RestartBudget(TimeProvider time, int restarts, TimeSpan within)
{
    private readonly Queue<long> _recent = new();

    /// <summary>Three in ten seconds, for decoders and encoders alike.</summary>
    public static RestartBudget ForCodecs(TimeProvider time) => new(time, 3, TimeSpan.FromSeconds(10));

    public bool TryRestart()
    {
        while (_recent.TryPeek(out var oldest) && time.GetElapsedTime(oldest) > within)
        {
            _recent.Dequeue();
        }

        if (_recent.Count >= restarts)
        {
            return false;
        }

        _recent.Enqueue(time.GetTimestamp());
        return true;
    }
}
