namespace Transcoder.Streams.Resources;

/// <summary>How an engine's capacity is known.</summary>
public enum CapacitySource : byte
{
    /// <summary>From the table of defaults, on the dear side.</summary>
    Assumed,

    /// <summary>By <c>transcoder calibrate</c>.</summary>
    Calibrated,

    /// <summary>Corrected by what running sessions showed.</summary>
    Observed,
}

/// <summary>One engine of a device and what is on it. The CPU's three engines are one: they share the cores.</summary>
internal sealed class EngineState(double nominal, CapacitySource source)
{
    /// <summary>Fuller than this takes nothing more: the rest is for pictures that are harder than the average.</summary>
    public const double Full = 0.9;

    private const double LeastCorrection = 0.25;
    private const double GreatestCorrection = 4;

    /// <summary>How much of what a second shows is believed.</summary>
    private const double Smoothing = 0.1;

    private (EngineLoad Load, double Capacity, double Cost) _known;
    private double _strain = 1;

    /// <summary>Work a second that it was calibrated or assumed to do.</summary>
    public double Nominal { get; set; } = nominal;

    public CapacitySource Source { get; set; } = source;

    /// <summary>What the engine's utilisation showed, as a factor on the nominal capacity. It stands.</summary>
    public double Correction { get; private set; } = 1;

    /// <summary>With what strain has taken for a while.</summary>
    public double Capacity => Nominal * Correction * _strain;

    /// <summary>Ours: reserved, open, and expected of streams whose worker is still starting.</summary>
    public EngineLoad Ours { get; private set; }

    /// <summary>Of other programs, from the driver's list.</summary>
    public EngineLoad Foreign { get; set; }

    public EngineLoad Load => Ours + Foreign;

    /// <summary>Changes of our load: a figure is compared with the load only when it has been the same for a while.</summary>
    public TimeSpan ChangedAt { get; private set; }

    public double Utilisation => EngineQueue.Utilisation(Load, Capacity);

    /// <summary>Asked for each rung of each ladder, and changed by few of them.</summary>
    public double Cost
    {
        get
        {
            if (_known.Load != Load || _known.Capacity != Capacity)
            {
                _known = (Load, Capacity, EngineQueue.Cost(Load, Capacity));
            }

            return _known.Cost;
        }
    }

    public double CostWith(in EngineLoad more) => EngineQueue.Cost(Load + more, Capacity);

    public bool IsWithin(in EngineLoad more, double limit) => Load.Work + more.Work <= limit * Capacity;

    /// <summary>As <see cref="IsWithin"/>; an idle engine whose capacity is only assumed may be tried with anything.</summary>
    public bool Fits(in EngineLoad more, double limit) => IsWithin(more, limit) || (Source == CapacitySource.Assumed && Load.Rate <= 0);

    public void Add(in EngineLoad load, TimeSpan now) => (Ours, ChangedAt) = (Ours + load, now);

    public void Remove(in EngineLoad load, TimeSpan now) => (Ours, ChangedAt) = (Ours - load, now);

    /// <summary>For trying out a ladder, rung by rung; put back by the same call.</summary>
    public void Try(in EngineLoad ours) => Ours = ours;

    /// <summary>A steady load was seen to keep the engine busy for a share of the time.</summary>
    public void Learn(double busy)
    {
        // Too little of either says nothing, and a full engine says only that it is full.
        if (Utilisation > 0.1 && busy is > 0.05 and < 0.95)
        {
            LearnRatio(Utilisation / busy, 1);
        }
    }

    /// <summary>A part of the load took more or less than was predicted.</summary>
    /// <param name="ratio">Predicted by measured.</param>
    /// <param name="share">How much of the engine it speaks for.</param>
    public void LearnRatio(double ratio, double share) => Correct(Math.Pow(Math.Clamp(ratio, 0.5, 2), Smoothing * share));

    /// <summary>Nothing has been slow for a while: what strain took comes back by a hundredth a call. An idle engine shows nothing.</summary>
    public void Relax()
    {
        if (Ours.Rate > 0)
        {
            _strain = Math.Min(1, _strain * 1.01);
        }
    }

    /// <summary>Sessions fall behind: the engine does less than was believed.</summary>
    public void Lower(double factor) => (_strain, Source) = (Math.Max(LeastCorrection, _strain * factor), CapacitySource.Observed);

    /// <summary>What an earlier run had learned.</summary>
    public void Restore(double correction) => Correct(correction);

    private void Correct(double factor)
    {
        Correction = Math.Clamp(Correction * factor, LeastCorrection, GreatestCorrection);
        Source = CapacitySource.Observed;
    }
}
