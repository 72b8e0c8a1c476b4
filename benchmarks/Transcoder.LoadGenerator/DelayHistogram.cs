namespace Transcoder.LoadGenerator;

/// <summary>Delays in tenths of a millisecond up to ten seconds. Counted from any thread.</summary>
internal sealed class DelayHistogram
{
    private readonly int[] _counts = new int[100_000];

    public void Add(TimeSpan delay) => Interlocked.Increment(ref _counts[Math.Clamp((int)(delay.TotalMilliseconds * 10), 0, _counts.Length - 1)]);

    public double Milliseconds(double quantile)
    {
        var wanted = _counts.Sum(count => (long)count) * quantile;
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted && seen > 0)
            {
                return (i + 1) / 10.0;
            }
        }

        return 0;
    }
}
