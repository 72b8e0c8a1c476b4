namespace Transcoder.Streams.Resources;

/// <summary>
/// Which streams failed on which devices. A stream that fails on two devices is at fault itself (a picture size, a parameter, a bitstream that no encoder takes):
/// the second device isn't blamed and the first is forgiven, and the stream keeps away from both for a while.
/// </summary>
internal sealed class StreamFailures
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Failures on two devices within this time are one stream's trouble.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private readonly Dictionary<(string Stream, DeviceState Device), (int Count, TimeSpan At)> _failures = [];

    /// <returns>Another device that this stream failed on shortly before; null: this failure may be the device's.</returns>
    public DeviceState? Add(string stream, DeviceState device, TimeSpan now)
    {
        foreach (var (key, _) in _failures.Where(failure => now - failure.Value.At > Longest).ToArray())
        {
            _failures.Remove(key);
        }

        _failures[(stream, device)] = (_failures.GetValueOrDefault((stream, device)).Count + 1, now);
        foreach (var (key, failure) in _failures)
        {
            if (key.Stream == stream && key.Device != device && now - failure.At <= Window)
            {
                return key.Device;
            }
        }

        return null;
    }

    /// <summary>This stream is not the only one that failed there lately.</summary>
    public bool AnotherFailed(string stream, DeviceState device, TimeSpan now) =>
        _failures.Any(failure => failure.Key.Device == device && failure.Key.Stream != stream && now - failure.Value.At <= Window);

    public bool KeepsAway(string stream, DeviceState device, TimeSpan now) =>
        _failures.Count > 0 && _failures.TryGetValue((stream, device), out var failure) &&
        now - failure.At < TimeSpan.FromTicks(Math.Min(First.Ticks << Math.Min(failure.Count - 1, 16), Longest.Ticks));
}
