namespace Transcoder.Streams.Resources;

/// <param name="Encodes">The ladder's encoders would fit there too.</param>
internal readonly record struct DecodeChoice(DeviceState Device, string Kind, double Cost, bool Encodes);

/// <summary>Where a source is decoded. Chosen before its worker knows the picture, so the ladder is weighed as a whole.</summary>
internal static class DecodePlacement
{
    /// <summary>Devices in the order to try: hardware by cost while it is not full, then software, then hardware that is full.</summary>
    public static IReadOnlyList<DecodeChoice> Order(IReadOnlyList<DeviceState> devices, PlacementPolicy policy, LadderOutline ladder)
    {
        // What encoding costs where it is cheapest, for a decoder on a device that can't.
        var elsewhere = double.PositiveInfinity;
        foreach (var device in devices)
        {
            if (EncodesThere(device, policy, ladder, out var cost))
            {
                elsewhere = Math.Min(elsewhere, cost);
            }
        }

        elsewhere = double.IsPositiveInfinity(elsewhere) ? 0 : elsewhere;
        var choices = new List<(DecodeChoice Choice, int Rank)>();
        foreach (var device in devices)
        {
            if (device.Decode is not { } decode || !device.IsPresent || !device.MayTry || device.DecodesBy(policy.Order, ladder.Codec, ladder.Width, ladder.Height) is not { } kind)
            {
                continue;
            }

            var load = device.DecodeLoadOf(ladder);
            var cost = decode.CostWith(load) - decode.Cost;
            if (device.Scale is { } scale && scale != decode)
            {
                cost += scale.CostWith(device.ScaleLoadOf(ladder)) - scale.Cost;
            }

            var encodes = EncodesThere(device, policy, ladder, out var there);
            cost += encodes ? there : elsewhere + Transfer(device, ladder);
            var rank = device.IsCpu ? 1 : decode.Fits(load, EngineState.Full) ? 0 : 2;
            choices.Add((new DecodeChoice(device, kind, cost, encodes), rank));
        }

        return [.. choices.OrderBy(choice => choice.Rank).ThenBy(choice => choice.Choice.Cost).Select(choice => choice.Choice)];
    }

    private static bool EncodesThere(DeviceState device, PlacementPolicy policy, LadderOutline ladder, out double cost)
    {
        cost = 0;
        if (device.IsCpu || device.Encode is not { } encode || !device.IsPresent || !device.MayTry || !device.HasEncoder(policy.Order))
        {
            return false;
        }

        var load = device.EncodeLoadOf(ladder);
        cost = encode.CostWith(load) - encode.Cost;
        return encode.Fits(load, EngineState.Full);
    }

    private static double Transfer(DeviceState device, LadderOutline ladder) =>
        ladder.Rungs.Sum(rung => Placement.TransferCost(device.IsCpu ? 1 : 2, rung.Pixels, rung.FrameRate, ladder.Rungs.Count));
}
