using System.Globalization;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>
/// Where the encoders of a ladder go: the places that add least to the sum of <see cref="EngineQueue.Cost"/> over all engines and of the transfers between
/// devices. The rungs are placed one by one, the most important and largest first, and then each is tried on every other device once more with the others in
/// place. The loads of the devices are sums that are kept up to date, so a decision looks at each device once per rung and at no lease.
/// <para>
/// A transfer: a frame that is decoded on one device and encoded on another is copied through host memory once (CPU to GPU, GPU to CPU) or twice (GPU to GPU).
/// The copy holds up the pipeline that all rungs of the ladder share, so its delay counts for each of them. That keeps a ladder with its decoder until the wait
/// there costs more.
/// </para>
/// </summary>
internal sealed class Placement(IReadOnlyList<DeviceState> devices, StreamFailures failures)
{
    /// <summary>Starting a copy and waiting for the device to have done it, seconds.</summary>
    private const double TransferLatency = 0.0002;

    /// <summary>Bytes a second of a copy between a device and pageable host memory.</summary>
    private const double TransferRate = 5e9;

    /// <summary>Makes the order of kinds decide between equal costs, and nothing else.</summary>
    private const double OrderBias = 1e-7;

    private const double LeastGain = 1e-9;
    private const double LeastFrameRate = 10;
    private const int NamedAlternatives = 3;

    private long _mark;

    public PlacementPolicy Policy { get; set; } = new([PlacementPolicy.Software]);

    /// <summary>The smallest priority that holds a lease; pre-emption is looked into only above it.</summary>
    public int LeastPriority { get; set; }

    /// <summary>Decides for a whole ladder. Nothing is reserved: the caller commits, or asked only what would be.</summary>
    public IReadOnlyList<UnitDecision> Decide(IReadOnlyList<DemandUnit> units, in PlacementCase circumstances)
    {
        var loads = devices.Select(device => device.Encode?.Ours ?? default).ToArray();
        var decisions = new UnitDecision[units.Count];
        foreach (var index in Enumerable.Range(0, units.Count).OrderByDescending(i => units[i].Terms.Priority).ThenByDescending(i => units[i].PixelRate))
        {
            decisions[index] = Decide(units[index], circumstances);
            if (decisions[index].Placed is { } placed)
            {
                Try(placed);
            }
        }

        Improve(decisions, circumstances);
        foreach (var placed in decisions.Select(decision => decision.Placed).OfType<Placed>())
        {
            Untry(placed);
        }

        // Sums that were added to and subtracted from are no longer exactly what they were.
        for (var i = 0; i < devices.Count; i++)
        {
            devices[i].Encode?.Try(loads[i]);
        }

        return decisions;
    }

    /// <summary>What copies cost: the delay, for all rungs of the ladder and all frames of a second.</summary>
    public static double TransferCost(int copies, double pixels, double frameRate, int rungs) =>
        copies * (TransferLatency + (pixels * 1.5 / TransferRate)) * frameRate * rungs;

    /// <summary>Devices to decode a source on, in the order to try.</summary>
    public IReadOnlyList<DecodeChoice> DecodeOrder(LadderOutline ladder) => DecodePlacement.Order(devices, Policy, ladder);

    private static double TransferCost(DeviceState? from, DeviceState to, VideoEncoderSettings settings, int rungs) =>
        from is null || from == to ? 0 : TransferCost(from.IsCpu || to.IsCpu ? 1 : 2, settings.Width * (double)settings.Height, settings.FrameRate, rungs);

    private UnitDecision Decide(DemandUnit unit, in PlacementCase circumstances)
    {
        var options = new List<PlaceOption>(devices.Count);
        var tiers = unit.Fallback == FallbackPolicy.Forbid ? Policy.FirstKind : [.. Policy.Tiers.Where(Exists)];
        for (var tier = 0; tier < tiers.Count; tier++)
        {
            var full = unit.Fallback != FallbackPolicy.Reduce || tier == 0;
            if (full && Best(unit, unit.Settings, tiers, tier, circumstances, options) is { } placed)
            {
                NameTheRest(options);
                return new UnitDecision(unit, placed, [], default, options);
            }

            if (full && circumstances.MayPreempt && Victims(unit, tiers[tier], circumstances, sameLadder: false) is { Count: > 0 } victims)
            {
                return new UnitDecision(unit, null, victims, default, options);
            }

            foreach (var less in unit.Fallback == FallbackPolicy.Reduce ? Reductions(unit.Settings) : [])
            {
                if (Best(unit, less, tiers, tier, circumstances, full ? [] : options) is { } reduced)
                {
                    NameTheRest(options);
                    return new UnitDecision(unit, reduced with { Reason = Reduced(reduced, unit, options) }, [], default, options);
                }
            }
        }

        if (unit.Fallback == FallbackPolicy.Reduce && circumstances.MayPreempt && tiers.Count > 0 && Victims(unit, tiers[0], circumstances, sameLadder: true) is { Count: > 0 } smaller)
        {
            return new UnitDecision(unit, null, smaller, default, options);
        }

        NameTheRest(options);
        return new UnitDecision(unit, null, [], Refusal(unit, options), options);
    }

    /// <summary>Each rung once more, now that the others have their places.</summary>
    private void Improve(UnitDecision[] decisions, in PlacementCase circumstances)
    {
        if (decisions.Length < 2)
        {
            return;
        }

        foreach (ref var decision in decisions.AsSpan())
        {
            if (decision.Placed is not { } old || devices.Count < 3)
            {
                continue;
            }

            Untry(old);
            var better = old;
            var least = CostOf(old.Device, old.Settings, old.Load, circumstances) - LeastGain;
            foreach (var option in decision.Options)
            {
                if (option.Refusal is null && option.Device != old.Device && option.Device.IsCpu == old.Device.IsCpu)
                {
                    var load = option.Device.EncodeLoad(old.Settings);
                    if (CostOf(option.Device, old.Settings, load, circumstances) is var cost && cost < least && WhyNot(option.Device, load, old.Bytes, circumstances) is null)
                    {
                        least = cost;
                        better = old with { Device = option.Device, Place = new DeviceRef(option.Device.Id, option.Kind), Load = load };
                    }
                }
            }

            if (better != old)
            {
                better = better with { Settings = For(better.Device, better.Place.Kind, old.Settings), Reason = Why(better.Device, least, decision.Options) };
                decision = decision with { Placed = better };
            }

            Try(better);
        }
    }

    private bool Exists(IReadOnlyList<string> tier) => devices.Any(device => device.HasEncoder(tier));

    private Placed? Best(DemandUnit unit, VideoEncoderSettings settings, IReadOnlyList<IReadOnlyList<string>> tiers, int tier, in PlacementCase circumstances, List<PlaceOption> options)
    {
        var kinds = tiers[tier];
        var bytes = WorkCosts.SessionBytes(settings);
        (DeviceState Device, string Kind, EngineLoad Load, double Cost)? best = null;
        foreach (var device in devices)
        {
            if (!device.HasEncoder(kinds))
            {
                continue;
            }

            if (device.EncodesBy(kinds, settings, out _) is not { } kind)
            {
                options.Add(new PlaceOption(device, "", double.NaN, Reasons.NotCapable));
                continue;
            }

            var load = device.EncodeLoad(settings);
            var cost = CostOf(device, settings, load, circumstances) + (OrderBias * IndexOf(kinds, kind));
            var refusal = WhyNot(device, load, device.IsCpu ? 0 : bytes, circumstances);
            options.Add(new PlaceOption(device, kind, cost, refusal));
            if (refusal is null && (best is null || cost < best.Value.Cost))
            {
                best = (device, kind, load, cost);
            }
        }

        if (best is not var (chosen, by, work, least))
        {
            return null;
        }

        return new Placed(
            chosen, new DeviceRef(chosen.Id, by), For(chosen, by, settings), work, chosen.IsCpu ? 0 : bytes, tier, Why(chosen, least, options), options);
    }

    /// <summary>What an encoder can't make is not asked of it.</summary>
    private static VideoEncoderSettings For(DeviceState device, string kind, VideoEncoderSettings settings) =>
        device.BFrames(kind, settings) is var frames && frames != settings.BFrames ? settings with { BFrames = frames } : settings;

    private static double CostOf(DeviceState device, VideoEncoderSettings settings, in EngineLoad load, in PlacementCase circumstances) =>
        device.Encode!.CostWith(load) - device.Encode.Cost + TransferCost(circumstances.Decoder, device, settings, circumstances.Rungs);

    /// <summary>Null: there is a place.</summary>
    private string? WhyNot(DeviceState device, in EngineLoad load, long bytes, in PlacementCase circumstances) =>
        !device.IsPresent || device.Quarantine.Health == DeviceHealth.Lost ? Reasons.DeviceLost
        : device == circumstances.Avoid || !device.MayTry || (circumstances.Runs && device.Quarantine.Reason.Code == Reasons.EncoderHung) ? Reasons.Quarantined
        : failures.KeepsAway(circumstances.Owner.Owner.Stream, device, circumstances.Now) ? Reasons.EncoderFailed
        : device.Group is { } group && !group.HasRoom(circumstances.Now) ? Reasons.SessionLimit
        : !HasCapacity(device, load, circumstances.Limit) ? device.IsCpu ? Reasons.CpuBudget : Reasons.EngineFull
        : !device.HasMemory(bytes) ? Reasons.MemoryFull
        : null;

    // The CPU refuses only by the operator's number; how full it is shows in its cost.
    private bool HasCapacity(DeviceState device, in EngineLoad load, double limit) =>
        device.IsCpu ? Policy.CpuBudget is null || device.Encode!.IsWithin(load, 1) : device.Encode!.Fits(load, limit);

    /// <summary>Leases of smaller priority whose places would do: fewest and least important first. Empty: none.</summary>
    /// <param name="sameLadder">Smaller rungs of the same ladder count as less important too: the last step of <c>reduce</c>.</param>
    private List<Lease> Victims(DemandUnit unit, IReadOnlyList<string> kinds, in PlacementCase circumstances, bool sameLadder)
    {
        if (!sameLadder && unit.Terms.Priority <= LeastPriority)
        {
            return [];
        }

        List<Lease> best = [];
        var owner = circumstances.Owner;
        foreach (var device in devices)
        {
            if (device == circumstances.Avoid || !device.IsPresent || device.Quarantine.Health != DeviceHealth.Sound || device.EncodesBy(kinds, unit.Settings, out _) is null)
            {
                continue;
            }

            var others = device.Group is { } group && !group.HasRoom(circumstances.Now) ? devices.Where(d => d.Group == group).SelectMany(d => d.Leases) : device.Leases;
            var smaller = others.Where(lease => lease.State is LeaseState.Reserved or LeaseState.Open && lease.MovesTo is null && lease.MovesFrom is null &&
                (sameLadder ? lease.Owner == owner && IsSmaller(lease.Unit, unit) : lease.Unit.Terms.Priority < unit.Terms.Priority));
            var victims = new List<Lease>();
            foreach (var lease in smaller.OrderBy(lease => lease.Unit.Terms.Priority).ThenByDescending(lease => lease.Device == device).ThenBy(lease => lease.Unit.PixelRate))
            {
                victims.Add(lease);
                if (Suffice(device, victims, unit, circumstances))
                {
                    best = best.Count == 0 || Harm(victims).CompareTo(Harm(best)) < 0 ? victims : best;
                    break;
                }
            }
        }

        return best;

        static (int Priority, int Count) Harm(List<Lease> leases) => (leases.Max(lease => lease.Unit.Terms.Priority), leases.Count);
    }

    private static bool IsSmaller(DemandUnit one, DemandUnit other) =>
        one.Terms.Priority < other.Terms.Priority || (one.Terms.Priority == other.Terms.Priority && one.PixelRate < other.PixelRate);

    private bool Suffice(DeviceState device, List<Lease> victims, DemandUnit unit, in PlacementCase circumstances)
    {
        var here = victims.Where(lease => lease.Device == device).ToList();
        if (device.Group is { Cap: { } cap } group && group.Sessions - victims.Count >= cap && !group.HasRoom(circumstances.Now))
        {
            return false;
        }

        var before = device.Encode!.Ours;
        device.Encode.Try(here.Aggregate(before, (load, lease) => load - lease.Load));
        var fits = HasCapacity(device, device.EncodeLoad(unit.Settings), circumstances.Limit);
        device.Encode.Try(before);
        return fits && device.HasMemory((device.IsCpu ? 0 : WorkCosts.SessionBytes(unit.Settings)) - here.Sum(lease => lease.Bytes));
    }

    private static IEnumerable<VideoEncoderSettings> Reductions(VideoEncoderSettings settings)
    {
        var faster = WorkCosts.FasterPreset(settings.Preset) is { } preset ? settings with { Preset = preset } : settings;
        if (faster != settings)
        {
            yield return faster;
        }

        if (settings.FrameRate / 2 >= LeastFrameRate)
        {
            yield return faster with { FrameRate = settings.FrameRate / 2, GopFrames = Math.Max(2, settings.GopFrames / 2) };
        }
    }

    private static void Try(Placed placed, int count = 1)
    {
        var device = placed.Device;
        device.Encode!.Try(count > 0 ? device.Encode.Ours + placed.Load : device.Encode.Ours - placed.Load);
        device.UnseenBytes += count * placed.Bytes;
        device.Trials += count;
        if (device.Group is { } group)
        {
            group.Ours += count;
        }
    }

    private static void Untry(Placed placed) => Try(placed, -1);

    private void NameTheRest(List<PlaceOption> options)
    {
        var mark = ++_mark;
        foreach (var option in options)
        {
            option.Device.Mark = mark;
        }

        foreach (var device in devices)
        {
            if (device.Mark != mark)
            {
                var refusal = !device.Encodes ? Reasons.NoEncodeEngine : device.HasEncoder(Policy.Order) ? Reasons.DeviceOrder : Reasons.NotInOrder;
                options.Add(new PlaceOption(device, "", double.NaN, refusal));
            }
        }
    }

    private static Reason Why(DeviceState chosen, double cost, IReadOnlyList<PlaceOption> options)
    {
        var possible = options.Count(option => option.Refusal is null);
        var text = string.Create(CultureInfo.InvariantCulture, $"{chosen.Report.Name} adds {cost:0.###}");
        return possible == 1
            ? new Reason(Reasons.OnlyChoice, $"{chosen.Report.Name} is the only place{Refused(options)}")
            : new Reason(Reasons.LeastCost, $"{text}, the least of {possible} places{Refused(options)}");
    }

    private static Reason Reduced(Placed placed, DemandUnit unit, List<PlaceOption> options)
    {
        var rate = placed.Settings.FrameRate < unit.Settings.FrameRate ? string.Create(CultureInfo.InvariantCulture, $"{placed.Settings.FrameRate:0.##} frames a second") : null;
        var preset = placed.Settings.Preset != unit.Settings.Preset ? $"preset {placed.Settings.Preset}" : null;
        return new Reason(Reasons.Reduced, $"{string.Join(", ", new[] { rate, preset }.OfType<string>())} on {placed.Device.Report.Name}{Refused(options)}");
    }

    private Reason Refusal(DemandUnit unit, List<PlaceOption> options)
    {
        var kinds = unit.Fallback == FallbackPolicy.Forbid ? Policy.Order[0] : string.Join(", ", Policy.Order);
        var codes = options.Where(option => option.Refusal is not (Reasons.NoEncodeEngine or Reasons.NotInOrder or Reasons.DeviceOrder)).Select(option => option.Refusal!).Distinct().ToList();
        var code = unit.Fallback == FallbackPolicy.Forbid && Policy.Order.Count > 1 ? Reasons.FallbackForbidden : codes.Count == 1 ? codes[0] : Reasons.NoPlace;
        return new Reason(code, $"no place on {kinds}{Refused(options)}");
    }

    private static string Refused(IReadOnlyList<PlaceOption> options)
    {
        var refused = options.Where(option => option.Refusal is not (null or Reasons.DeviceOrder or Reasons.NotInOrder or Reasons.NoEncodeEngine)).ToList();
        if (refused.Count == 0)
        {
            return "";
        }

        var named = refused.Take(NamedAlternatives).Select(option => $"{option.Device.Report.Name}: {Explain(option).Detail}");
        return $" ({string.Join("; ", named)}{(refused.Count > NamedAlternatives ? $"; and {refused.Count - NamedAlternatives} more" : "")})";
    }

    /// <summary>A refusal in words, from how the device is now.</summary>
    public static Reason Explain(in PlaceOption option)
    {
        var device = option.Device;
        return option.Refusal switch
        {
            Reasons.SessionLimit => device.Group!.Full(),
            Reasons.Quarantined => new Reason(Reasons.Quarantined, device.Quarantine.Health switch
            {
                DeviceHealth.Probation => "on probation, one session at a time",
                DeviceHealth.Sound => "to be left",
                _ => $"in quarantine, {device.Quarantine.Reason}",
            }),
            Reasons.EngineFull => new Reason(Reasons.EngineFull, string.Create(CultureInfo.InvariantCulture, $"its encoder would be over {EngineState.Full:P0} busy (now {device.Encode!.Utilisation:P0})")),
            Reasons.CpuBudget => new Reason(Reasons.CpuBudget, string.Create(CultureInfo.InvariantCulture, $"{device.Encode!.Load.Work:0.0} of {device.Encode.Nominal:0.#} cores are taken")),
            Reasons.MemoryFull => new Reason(Reasons.MemoryFull, $"{Math.Max(0, (device.MemoryFree ?? 0) - device.UnseenBytes) >> 20} MiB of its memory are free"),
            Reasons.EncoderFailed => new Reason(Reasons.EncoderFailed, "failed for this stream a short while ago"),
            Reasons.NotCapable => new Reason(Reasons.NotCapable, "doesn't encode this codec or size"),
            Reasons.DeviceLost => new Reason(Reasons.DeviceLost, "gone"),
            Reasons.DeviceOrder => new Reason(Reasons.DeviceOrder, "a kind before it in the order has a place"),
            Reasons.NotInOrder => new Reason(Reasons.NotInOrder, "no kind of it is in the order"),
            Reasons.NoEncodeEngine => new Reason(Reasons.NoEncodeEngine, "has no encode engine"),
            _ => default,
        };
    }

    private static int IndexOf(IReadOnlyList<string> kinds, string kind)
    {
        for (var i = 0; i < kinds.Count; i++)
        {
            if (kinds[i] == kind)
            {
                return i;
            }
        }

        return kinds.Count;
    }
}
