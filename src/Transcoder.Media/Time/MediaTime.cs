namespace Transcoder.Media.Time;

/// <summary>
/// A point on, or a distance along, a stream's timeline in nanoseconds. The one time base inside the house: RTMP's milliseconds and
/// Enhanced RTMP's nanosecond offsets are exact in it, and 292 years fit. Containers convert at their own edge.
/// </summary>
public readonly record struct MediaTime(long Nanoseconds) : IComparable<MediaTime>
{
    public static readonly MediaTime Zero = new(0);
    public static readonly MediaTime MinValue = new(long.MinValue);
    public static readonly MediaTime MaxValue = new(long.MaxValue);

    private const long PerSecond = 1_000_000_000;
    private const long PerMillisecond = 1_000_000;

    public static MediaTime FromMilliseconds(long milliseconds) => new(milliseconds * PerMillisecond);

    public static MediaTime FromSeconds(double seconds) => new((long)Math.Round(seconds * PerSecond));

    /// <summary>The time of sample <paramref name="count"/> at <paramref name="rate"/> samples a second, rounded to the nearest nanosecond.</summary>
    public static MediaTime FromSamples(long count, int rate) => new((long)DivideRounded((Int128)count * PerSecond, rate));

    /// <summary>Whole milliseconds, rounded to the nearest: a time that came from milliseconds comes back unchanged.</summary>
    public long Milliseconds => (long)DivideRounded(Nanoseconds, PerMillisecond);

    public double Seconds => Nanoseconds / (double)PerSecond;

    /// <summary>The nearest sample index at <paramref name="rate"/> samples a second.</summary>
    public long ToSamples(int rate) => (long)DivideRounded((Int128)Nanoseconds * rate, PerSecond);

    public TimeSpan ToTimeSpan() => new(Nanoseconds / TimeSpan.NanosecondsPerTick);

    public static MediaTime FromTimeSpan(TimeSpan span) => new(span.Ticks * TimeSpan.NanosecondsPerTick);

    public int CompareTo(MediaTime other) => Nanoseconds.CompareTo(other.Nanoseconds);

    public static MediaTime Max(MediaTime left, MediaTime right) => left >= right ? left : right;

    public static MediaTime Min(MediaTime left, MediaTime right) => left <= right ? left : right;

    public static MediaTime operator +(MediaTime left, MediaTime right) => new(left.Nanoseconds + right.Nanoseconds);

    public static MediaTime operator -(MediaTime left, MediaTime right) => new(left.Nanoseconds - right.Nanoseconds);

    public static MediaTime operator -(MediaTime value) => new(-value.Nanoseconds);

    public static bool operator <(MediaTime left, MediaTime right) => left.Nanoseconds < right.Nanoseconds;

    public static bool operator >(MediaTime left, MediaTime right) => left.Nanoseconds > right.Nanoseconds;

    public static bool operator <=(MediaTime left, MediaTime right) => left.Nanoseconds <= right.Nanoseconds;

    public static bool operator >=(MediaTime left, MediaTime right) => left.Nanoseconds >= right.Nanoseconds;

    public override string ToString() => FormattableString.Invariant($"{Seconds:0.000}s");

    private static Int128 DivideRounded(Int128 value, Int128 divisor)
    {
        var half = divisor / 2;
        return value >= 0 ? (value + half) / divisor : -((-value + half) / divisor);
    }
}
