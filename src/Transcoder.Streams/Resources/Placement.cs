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
internal sealed partial class Placement(IReadOnlyList<DeviceState> devices, StreamFailures failures)
{
    /// <summary>Starting a copy and waiting for the device to have done it, seconds.</summary>
    private const double TransferLatency = 0.0002;

    /// <summary>Bytes a second of a copy between a device and pageable host memory.</summary>
    private const double TransferRate = 5e9;

    /// <summary>Makes the order of kinds decide between equal costs, and nothing else.</summary>
    private const double OrderBias = 1e-7;

    private const double LeastGain = 1e-9;
    private const double LeastFrameRate = 10;

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
        var tiers = Policy.TiersFor(unit.Fallback, Exists).ToList();
        foreach (var tier in tiers)
        {
            var (full, before) = (unit.Fallback != FallbackPolicy.Reduce || tier == tiers[0], options.Count);
            if (full && Best(unit.Settings, tier, circumstances, options) is { } placed)
            {
                NameTheRest(options, isForbidden: false);
                return new UnitDecision(unit, placed, [], default, options);
            }

            if (full && circumstances.MayPreempt && Victims(unit, Policy.Tiers[tier], circumstances, sameLadder: false) is { Count: > 0 } victims)
            {
                return new UnitDecision(unit, null, victims, default, options);
            }

            // Where nothing can be left out, the next kind takes all of it.
            var steps = unit.Fallback != FallbackPolicy.Reduce ? [] : full ? Reductions(unit.Settings) : Reductions(unit.Settings).DefaultIfEmpty(unit.Settings);
            foreach (var less in steps)
            {
                var refused = Refused(options);
                options.RemoveRange(before, options.Count - before);
                if (Best(less, tier, circumstances, options) is { } reduced)
                {
                    NameTheRest(options, isForbidden: false);
                    var reason = less == unit.Settings ? reduced.Reason : Reduced(reduced, unit, refused);
                    return new UnitDecision(unit, reduced with { Reason = reason }, [], default, options);
                }
            }
        }

        if (unit.Fallback == FallbackPolicy.Reduce && circumstances.MayPreempt && tiers.Count > 0 && Victims(unit, Policy.Tiers[tiers[0]], circumstances, sameLadder: true) is { Count: > 0 } smaller)
        {
            return new UnitDecision(unit, null, smaller, default, options);
        }

        NameTheRest(options, isForbidden: unit.Fallback == FallbackPolicy.Forbid);
        return new UnitDecision(unit, null, [], Refusal(unit, tiers, options), options);
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
            if (decision.Placed is not { Reason.Code: not Reasons.Reduced } old || devices.Count < 3)
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

    private Placed? Best(VideoEncoderSettings settings, int tier, in PlacementCase circumstances, List<PlaceOption> options)
    {
        var kinds = Policy.Tiers[tier];
        var bytes = WorkCosts.SessionBytes(settings);
        (DeviceState Device, string Kind, EngineLoad Load, double Cost)? best = null;
        foreach (var device in devices)
        {
            if (!device.HasEncoder(kinds))
            {
                continue;
            }

            if (device.EncodesBy(kinds, settings, circumstances.Now, out var unable) is not { } kind)
            {
                options.Add(new PlaceOption(device, "", double.NaN, unable.Code, unable.Detail));
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
            if (device == circumstances.Avoid || !device.IsPresent || device.Quarantine.Health != DeviceHealth.Sound || device.EncodesBy(kinds, unit.Settings, circumstances.Now, out _) is null ||
                failures.KeepsAway(owner.Owner.Stream, device, circumstances.Now))
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
        var faster = WorkCosts.FasterPreset(settings.Codec, settings.Preset) is { } preset ? settings with { Preset = preset } : settings;
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

    private void NameTheRest(List<PlaceOption> options, bool isForbidden)
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
                var refusal = !device.Encodes ? Reasons.NoEncodeEngine
                    : !device.HasEncoder(Policy.Order) ? Reasons.NotInOrder
                    : isForbidden ? Reasons.FallbackForbidden
                    : Reasons.DeviceOrder;
                options.Add(new PlaceOption(device, "", double.NaN, refusal));
            }
        }
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
