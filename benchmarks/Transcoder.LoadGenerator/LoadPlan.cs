namespace Transcoder.LoadGenerator;

/// <summary>What a run does. It is measured once everyone has joined and <paramref name="WarmUp"/> has passed.</summary>
/// <param name="Duration">Measured in all, in turns with other servers; whole turns.</param>
/// <param name="Stuck">Viewers that join besides the players and never read.</param>
/// <param name="Check">Whether an independent reader checks what the generator claims to have received.</param>
internal sealed record LoadPlan(
    string File, double BitsPerSecond, int Publishers, int Players, TimeSpan Duration, TimeSpan WarmUp, int Stuck = 0, bool Check = false)
{
    public string Name => $"{Publishers}:{Players}{(Stuck > 0 ? $"+{Stuck} stuck" : "")}";
}

internal sealed record LoadResult
{
    public double GigabitsPerSecond { get; init; }

    /// <summary>Of one core.</summary>
    public double CpuShare { get; init; }

    /// <summary>Seconds of one core per gigabit delivered: 0.1 is "10 % of a core per Gb/s".</summary>
    public double CpuPerGigabit => GigabitsPerSecond > 0 ? CpuShare / GigabitsPerSecond : 0;

    /// <summary>Milliseconds, as all delays here.</summary>
    public double DelayMedian { get; init; }

    public double Delay99 { get; init; }

    public int Stalls { get; init; }

    public long Missing { get; init; }

    public int Duplicates { get; init; }

    public int Gaps { get; init; }

    public int StepsBack { get; init; }

    /// <summary>Players whose connection ended.</summary>
    public int Lost { get; init; }

    public int FailedJoins { get; init; }

    /// <summary>Growth of the resident memory to the end of the last turn, for each player but a stream's first, or for each publisher where there are no further ones.</summary>
    public double MemoryPerPeerKib { get; init; }

    /// <summary>From before any player joined to the end of the last turn.</summary>
    public double GrowthMib { get; init; }

    public double LateJoinMedian { get; init; }

    public double LateJoinLongest { get; init; }

    /// <summary>The share of late players whose first picture was a keyframe.</summary>
    public double LateJoinKeyframes { get; init; }

    /// <summary>What the independent reader says; empty where there was none.</summary>
    public string Checked { get; init; } = "";

    public bool CheckFailed { get; init; }
}
