using Transcoder.Media;

namespace Transcoder.Streams.Resources;

/// <summary>What a device may be trusted with.</summary>
public enum DeviceHealth : byte
{
    Sound,

    /// <summary>It failed: nothing new goes there until its time is over.</summary>
    Quarantined,

    /// <summary>After quarantine: one session, until that has run for a while.</summary>
    Probation,

    /// <summary>The driver says it has gone.</summary>
    Lost,
}

/// <summary>
/// A device's health. Each failure doubles the time that nothing new goes there; what runs there stays unless the failure speaks for the whole device (a hang, a
/// second stream's failure, a loss): then it drains. Times are those of the caller's clock.
/// </summary>
internal sealed class Quarantine
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Failures within this time speak of one trouble.</summary>
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>A session that ran so long on a device under probation clears it.</summary>
    public static readonly TimeSpan ProbationTime = TimeSpan.FromSeconds(10);

    /// <summary>Sound for so long, a device's old failures are forgotten.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(10);

    private readonly List<(string Stream, TimeSpan At)> _failures = [];
    private int _level;
    private TimeSpan _soundSince;

    public DeviceHealth Health { get; private set; }

    public Reason Reason { get; private set; }

    public TimeSpan Until { get; private set; }

    /// <summary>What runs there is to go elsewhere.</summary>
    public bool Drains { get; private set; }

    /// <summary>Failures since the start.</summary>
    public int Failures { get; private set; }

    public bool IsOpen => Health is DeviceHealth.Sound or DeviceHealth.Probation;

    /// <param name="stream">Whose session failed.</param>
    /// <param name="whole">It speaks for the device by itself.</param>
    public void Fail(string stream, Reason reason, bool whole, TimeSpan now)
    {
        _failures.RemoveAll(failure => now - failure.At > Window);
        _failures.Add((stream, now));
        Failures++;
        if (Health == DeviceHealth.Lost)
        {
            return;
        }

        // Several failures of one trouble are one step, or eight renditions on a broken card would lock it away for ten minutes at once.
        if (Health != DeviceHealth.Quarantined)
        {
            _level = now - _soundSince > Forgotten && Health == DeviceHealth.Sound ? 0 : _level;
            Until = now + TimeSpan.FromTicks(Math.Min(First.Ticks << Math.Min(_level, 16), Longest.Ticks));
            _level++;
        }

        Health = DeviceHealth.Quarantined;
        Reason = reason;
        Drains |= whole || _failures.Select(failure => failure.Stream).Distinct(StringComparer.Ordinal).Count() > 1;
    }

    /// <summary>The failures of this stream were its own: it failed on another device as well.</summary>
    public void Forgive(string stream, TimeSpan now)
    {
        if (_failures.RemoveAll(failure => failure.Stream == stream) > 0 && _failures.Count == 0 && Health == DeviceHealth.Quarantined && !Drains)
        {
            _level = Math.Max(0, _level - 1);
            BecomeSound(now);
        }
    }

    public void Lose(Reason reason)
    {
        (Health, Reason, Drains, Until) = (DeviceHealth.Lost, reason, true, TimeSpan.MaxValue);
    }

    /// <summary>A lost device answers again: it is tried like one that failed.</summary>
    public void Find(TimeSpan now)
    {
        if (Health == DeviceHealth.Lost)
        {
            (Health, Until) = (DeviceHealth.Quarantined, now + First);
        }
    }

    /// <summary>Its time is over: one session may try.</summary>
    public bool Advance(TimeSpan now)
    {
        if (Health != DeviceHealth.Quarantined || now < Until)
        {
            return false;
        }

        (Health, Drains) = (DeviceHealth.Probation, false);
        _failures.Clear();
        return true;
    }

    /// <summary>The session under probation has run well.</summary>
    public void Pass(TimeSpan now)
    {
        if (Health == DeviceHealth.Probation)
        {
            BecomeSound(now);
        }
    }

    private void BecomeSound(TimeSpan now) => (Health, Reason, Drains, _soundSince) = (DeviceHealth.Sound, default, false, now);
}
