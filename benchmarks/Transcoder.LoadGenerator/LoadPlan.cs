namespace Transcoder.LoadGenerator;

/// <summary>What a run does. It is measured once everyone has joined and <paramref name="WarmUp"/> has passed.</summary>
/// <param name="Stuck">Viewers that join besides the players and never read.</param>
/// <param name="Check">Whether an independent reader checks what the generator claims to have received.</param>
internal sealed record LoadPlan(
    string File, double BitsPerSecond, int Publishers, int Players, TimeSpan Duration, TimeSpan WarmUp, int Stuck = 0, bool Check = false)
{
    public string Name => $"{Publishers}:{Players}{(Stuck > 0 ? $"+{Stuck} stuck" : "")}";
}

/// <param name="CpuPerGigabit">Seconds of one core per gigabit delivered: 0.1 is "10 % of a core per Gb/s".</param>
/// <param name="CpuShare">Of one core.</param>
/// <param name="MemoryPerPeerKib">Growth of the resident memory for each player, or for each publisher where there are no players.</param>
internal sealed record LoadResult(
    double GigabitsPerSecond, double CpuPerGigabit, double CpuShare, double DelayMedian, double Delay99, int Stalls, long Missing, int Lost,
    double MemoryPerPeerKib, double GrowthMib, double FirstVideoMedian, double FirstVideoKeyframes, string Checked);
