namespace Transcoder.Streams.Transcoding;

/// <summary>
/// How long a rendition had no picture whenever another encoder went on with it: from the last picture of the one to the first of the other. Written by the
/// session's receive loop, read by any thread.
/// </summary>
public sealed class EncoderGaps(TimeProvider clock)
{
    private long _lastPicture;
    private bool _begun;
    private bool _changed;
    private long _sum;
    private long _last;

    /// <summary>Encoders that went on where another had been.</summary>
    public int Count { get; private set; }

    public TimeSpan Sum => new(Interlocked.Read(ref _sum));

    public TimeSpan Last => new(Interlocked.Read(ref _last));

    /// <summary>Its stream has ended: what the next one begins with ends no gap.</summary>
    internal void Forget() => _begun = _changed = false;

    /// <summary>An encoder has opened.</summary>
    internal void OnEncoder() => _changed = _begun;

    /// <summary>A picture leaves.</summary>
    internal void OnPicture()
    {
        var now = clock.GetTimestamp();
        if (_changed)
        {
            _changed = false;
            var gap = clock.GetElapsedTime(_lastPicture, now).Ticks;
            Interlocked.Exchange(ref _last, gap);
            Interlocked.Add(ref _sum, gap);
            Count++;
        }

        _lastPicture = now;
        _begun = true;
    }
}
