using Transcoder.Media;

namespace Transcoder.Streams.Resources;

/// <summary>
/// Devices whose driver counts encoder sessions together: all consumer cards of NVIDIA in a machine, or one professional card by itself. How many sessions the
/// driver allows is learned from its refusals, never assumed, because the number changes with the driver (2, 3, 5, 8, 12 so far).
/// </summary>
internal sealed class SessionGroup(string name)
{
    private static readonly TimeSpan FirstTrial = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestTrial = TimeSpan.FromHours(24);

    private TimeSpan _trialAfter;
    private TimeSpan _trialAt;

    /// <summary>"nvidia consumer cards", or a device's id.</summary>
    public string Name { get; } = name;

    /// <summary>Ours: reserved or there.</summary>
    public int Ours { get; set; }

    public int Foreign { get; set; }

    /// <summary>Null: none met yet.</summary>
    public int? Cap { get; private set; }

    /// <summary>Where <see cref="Cap"/> comes from, for a person.</summary>
    public string LearnedFrom { get; private set; } = "";

    /// <summary>The driver that it was learned from: another one may allow more.</summary>
    public string Driver { get; set; } = "";

    public int Sessions => Ours + Foreign;

    /// <summary>
    /// Whether one more may be asked for. At the cap a single trial is let through now and then, so that a cap that was learned wrong, or lifted, is unlearned;
    /// what it costs when it fails is one attempt to open, of a rendition that had no place there anyway.
    /// </summary>
    public bool HasRoom(TimeSpan now) => Cap is not { } cap || Sessions < cap || (Sessions == cap && now >= _trialAt);

    /// <summary>The driver refused a session while these were open.</summary>
    public void Refused(int open, string message, TimeSpan now)
    {
        _trialAfter = Cap == open && _trialAfter > TimeSpan.Zero ? TimeSpan.FromTicks(Math.Min(_trialAfter.Ticks * 2, LongestTrial.Ticks)) : FirstTrial;
        _trialAt = now + _trialAfter;
        Set(open, $"with {open} sessions open the driver refused another one ({message})");
    }

    /// <summary>More sessions are open than the cap says.</summary>
    public void Seen(int open)
    {
        if (Cap < open)
        {
            Set(open, $"{open} sessions were open at once");
        }
    }

    /// <summary>A trial is under way, or its session opened: no second one until it is known.</summary>
    public void TrialStarted(TimeSpan now)
    {
        if (Cap is { } cap && Sessions >= cap)
        {
            _trialAt = now + (_trialAfter > TimeSpan.Zero ? _trialAfter : FirstTrial);
        }
    }

    public void Restore(int cap, string learnedFrom, string driver, TimeSpan now)
    {
        (Cap, LearnedFrom, Driver) = (cap, learnedFrom, driver);
        _trialAt = now + FirstTrial;
    }

    /// <summary>A driver that changed is learned anew.</summary>
    public void SetDriver(string driver)
    {
        if (Driver != driver)
        {
            (Cap, LearnedFrom, Driver) = (null, "", driver);
        }
    }

    public Reason Full() => new(Reasons.SessionLimit, $"{Sessions} of {Cap} sessions{(Foreign > 0 ? $", {Foreign} of them other programs'" : "")}");

    private void Set(int cap, string from) => (Cap, LearnedFrom) = (cap, from);
}
