using System.Globalization;
using Transcoder.Media;
using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>Why there, and why not there, in words.</summary>
internal sealed partial class Placement
{
    private const int NamedAlternatives = 3;

    private static Reason Why(DeviceState chosen, double cost, IReadOnlyList<PlaceOption> options)
    {
        var possible = options.Count(option => option.Refusal is null);
        var text = string.Create(CultureInfo.InvariantCulture, $"{chosen.Report.Name} adds {cost:0.###}");
        return possible == 1
            ? new Reason(Reasons.OnlyChoice, $"{chosen.Report.Name} is the only place{Refused(options)}")
            : new Reason(Reasons.LeastCost, $"{text}, the least of {possible} places{Refused(options)}");
    }

    private static Reason Reduced(Placed placed, DemandUnit unit, string refused)
    {
        var rate = placed.Settings.FrameRate < unit.Settings.FrameRate ? string.Create(CultureInfo.InvariantCulture, $"{placed.Settings.FrameRate:0.##} frames a second") : null;
        var preset = placed.Settings.Preset != unit.Settings.Preset ? $"preset {placed.Settings.Preset}" : null;
        return new Reason(Reasons.Reduced, $"{string.Join(", ", new[] { rate, preset }.OfType<string>())} on {placed.Device.Report.Name}{refused}");
    }

    private Reason Refusal(DemandUnit unit, List<int> tiers, List<PlaceOption> options)
    {
        var isForbidden = unit.Fallback == FallbackPolicy.Forbid && Policy.Tiers.Count > 1;
        if (isForbidden && tiers.Count == 0)
        {
            var hardware = Policy.Order.Where(kind => kind != PlacementPolicy.Software);
            return new Reason(Reasons.FallbackForbidden, $"no device here encodes by {string.Join(", ", hardware)}, and fallback: forbid leaves no other kind");
        }

        var kinds = string.Join(", ", isForbidden ? Policy.Tiers[tiers[0]] : Policy.Order);
        var codes = options.Where(IsOfPlace).Select(option => option.Refusal!).Distinct().ToList();
        var code = isForbidden ? Reasons.FallbackForbidden : codes.Count == 1 ? codes[0] : Reasons.NoPlace;
        return new Reason(code, $"no place on {kinds}{Refused(options)}");
    }

    /// <summary>Refused by the device itself and not by the policy.</summary>
    private static bool IsOfPlace(PlaceOption option) =>
        option.Refusal is not (null or Reasons.DeviceOrder or Reasons.NotInOrder or Reasons.NoEncodeEngine or Reasons.FallbackForbidden);

    private static string Refused(IReadOnlyList<PlaceOption> options)
    {
        var refused = options.Where(IsOfPlace).ToList();
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
            { } code when option.Detail is { } detail => new Reason(code, detail),
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
            Reasons.DeviceLost => new Reason(Reasons.DeviceLost, "gone"),
            Reasons.FallbackForbidden => new Reason(Reasons.FallbackForbidden, "would be a fallback, which is forbidden"),
            Reasons.DeviceOrder => new Reason(Reasons.DeviceOrder, "a kind before it in the order has a place"),
            Reasons.NotInOrder => new Reason(Reasons.NotInOrder, "no kind of it is in the order"),
            Reasons.NoEncodeEngine => new Reason(Reasons.NoEncodeEngine, "has no encode engine"),
            _ => default,
        };
    }
}
