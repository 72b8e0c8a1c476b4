using Transcoder.Media.Jobs;

namespace Transcoder.Streams.Resources;

/// <summary>The operator's words about places for encoders.</summary>
/// <param name="Order">
/// Kinds in the order to use them. Neighbouring kinds of hardware are one tier, in which cost decides and the order breaks ties; software is a tier of its own,
/// used when the tiers before it have no place.
/// </param>
/// <param name="Fallback">For renditions that say nothing themselves.</param>
/// <param name="CpuBudget">Cores that decoding, scaling and encoding may take together; null: they are not refused for want of cores.</param>
public sealed record PlacementPolicy(IReadOnlyList<string> Order, FallbackPolicy Fallback = FallbackPolicy.Allow, double? CpuBudget = null)
{
    public const string Software = "software";

    /// <summary>The order cut into tiers.</summary>
    internal IReadOnlyList<IReadOnlyList<string>> Tiers { get; } = TiersOf(Order);

    /// <summary>
    /// What <see cref="FallbackPolicy.Forbid"/> leaves of the order: the first tier that the machine has, but never software where hardware was named before it.
    /// </summary>
    internal IEnumerable<int> TiersFor(FallbackPolicy fallback, Func<IReadOnlyList<string>, bool> exists)
    {
        for (var tier = 0; tier < Tiers.Count; tier++)
        {
            var isFallback = tier > 0 && Tiers[tier][0] == Software;
            if (!exists(Tiers[tier]) || (isFallback && fallback == FallbackPolicy.Forbid))
            {
                continue;
            }

            yield return tier;
            if (fallback == FallbackPolicy.Forbid)
            {
                break;
            }
        }
    }

    private static List<IReadOnlyList<string>> TiersOf(IReadOnlyList<string> order)
    {
        var tiers = new List<IReadOnlyList<string>>();
        for (var i = 0; i < order.Count;)
        {
            var tier = new List<string> { order[i++] };
            while (tier[0] != Software && i < order.Count && order[i] != Software)
            {
                tier.Add(order[i++]);
            }

            tiers.Add(tier);
        }

        return tiers;
    }
}
