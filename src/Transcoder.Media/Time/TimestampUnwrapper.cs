namespace Transcoder.Media.Time;

/// <summary>
/// Extends RTMP's 32-bit millisecond timestamps, which wrap after 49 days 17 hours, to 64 bits by serial-number arithmetic (RFC 1982).
/// The nearest candidate to the last value wins, so small steps back stay small steps back.
/// </summary>
public struct TimestampUnwrapper
{
    private long _last;
    private bool _started;

    /// <returns>Milliseconds; the first value comes out as it went in.</returns>
    public long Unwrap(uint timestamp)
    {
        _last = Near(timestamp);
        _started = true;
        return _last;
    }

    /// <returns>The same without being remembered: for a time that may have nothing to do with the others.</returns>
    public readonly long Near(uint timestamp) => _started ? _last + unchecked((int)(timestamp - (uint)_last)) : timestamp;
}
