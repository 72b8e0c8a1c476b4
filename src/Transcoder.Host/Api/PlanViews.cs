using Transcoder.Host.Configuration;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Planning;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Api;

/// <summary>The body of <c>POST /api/v1/plan</c>: would this ladder fit, where, and why not there.</summary>
/// <param name="Ladder">A name from the configuration.</param>
internal sealed record PlanQuestion(string Ladder, PlanSource Source);

/// <param name="Codec">Default: h264.</param>
internal sealed record PlanSource(int Width, int Height, double FrameRate, string Codec = "h264");

/// <summary>The answer. Nothing was reserved, nobody was moved.</summary>
/// <param name="Decoders">Where the source would be decoded, in the order to try.</param>
internal sealed record PlanView(IReadOnlyList<PlanDevice> Decoders, IReadOnlyList<PlanRendition> Renditions);

internal sealed record PlanDevice(string Device, string Kind);

/// <param name="Device">Null: it would not be made, and the reason says why.</param>
/// <param name="Places">Every device of the machine; empty for a rendition that needs no encoder.</param>
internal sealed record PlanRendition(
    string Name, string? Device, string? Kind, int? Width, int? Height, double? FrameRate, string? Preset, ReasonView Reason, IReadOnlyList<PlanPlace> Places);

/// <param name="Cost">What the rendition would add to the predicted sum of delay (frames waiting) and loss (frames a second); null where it wasn't weighed.</param>
/// <param name="Refusal">Null: there is a place.</param>
internal sealed record PlanPlace(string Device, string Name, string Kind, double? Cost, ReasonView? Refusal);

internal static class PlanViews
{
    private static readonly MediaTime KeyframeInterval = MediaTime.FromMilliseconds(2_000);

    /// <returns>Null and what is wrong with the question, or the answer.</returns>
    public static (PlanView? View, string? Problem) Answer(PlanQuestion question, TranscoderOptions options, ResourceManager resources)
    {
        if (!options.Ladders.TryGetValue(question.Ladder, out var ladder))
        {
            return (null, $"there is no ladder {question.Ladder}; the configuration has {string.Join(", ", options.Ladders.Keys)}");
        }

        var source = question.Source;
        if (source is not { Width: >= 16 and <= 8192, Height: >= 16 and <= 8192, FrameRate: >= 1 and <= 240 })
        {
            return (null, "the source needs a width and height of 16 to 8192 pixels and a frame rate of 1 to 240");
        }

        var codec = Enum.GetValues<CodecId>().FirstOrDefault(id => id.Name() == source.Codec);
        if (codec is CodecId.None or >= CodecId.Aac)
        {
            return (null, $"{source.Codec} is not a video codec");
        }

        return (Answer(ladder, source, codec, resources), null);
    }

    private static PlanView Answer(IReadOnlyList<RenditionSpec> ladder, PlanSource source, CodecId codec, ResourceManager resources)
    {
        var format = new VideoFormat(source.Width, source.Height, source.FrameRate);
        var decoders = resources.PlanDecode(new Track(TrackKind.Video, codec, ReadOnlyMemory<byte>.Empty, format), ladder);
        var demands = LadderDemands.Of(ladder, format, KeyframeInterval);
        var request = new LeaseRequest(decoders.Count > 0 ? decoders[0] : Transcoder.Media.Devices.DeviceRef.Cpu, source.Width, source.Height, source.FrameRate, demands.Demands);
        var plan = resources.Plan(request, number => new LeaseTerms(ladder[number].Name, ladder[number].Priority, ladder[number].Fallback), codec);
        var renditions = plan.Renditions.Select(rendition => (rendition.Number, View: Of(rendition)))
            .Concat(demands.LeftOut.Select(left => (left.Number, View: new PlanRendition(ladder[left.Number].Name, null, null, null, null, null, null, Of(left.Reason), []))));
        return new PlanView([.. decoders.Select(decoder => new PlanDevice(decoder.Id, decoder.Kind))], [.. renditions.OrderBy(rendition => rendition.Number).Select(rendition => rendition.View)]);
    }

    private static PlanRendition Of(RenditionPlan plan) => new(
        plan.Name,
        plan.Place?.Id,
        plan.Place?.Kind,
        plan.Settings.Width,
        plan.Settings.Height,
        Math.Round(plan.Settings.FrameRate, 3),
        plan.Settings.Preset,
        Of(plan.Reason),
        [.. plan.Places.Select(place => new PlanPlace(
            place.Device, place.Name, place.Kind, place.Cost is { } cost ? Math.Round(cost, 4) : null, place.Refusal is { } refusal ? Of(refusal) : null))]);

    private static ReasonView Of(Transcoder.Media.Reason reason) => new(reason.Code ?? "", reason.Detail ?? "");
}
