using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>Where a source is decoded, and what would be.</summary>
public sealed partial class ResourceManager
{
    /// <summary>A source whose rate isn't known yet counts as this.</summary>
    private const double AssumedFrameRate = 30;

    /// <summary>
    /// Devices to decode a source on, in the order to try, for the job of a worker that starts now. The first is where decoding, scaling and the ladder's encoders
    /// would cost least together; its load is noted at once, so that streams that start together don't all choose the same device.
    /// </summary>
    public IReadOnlyList<DeviceRef> DecodeOrder(ILeaseOwner owner, Track track, IReadOnlyList<RenditionSpec> ladder)
    {
        lock (_gate)
        {
            var now = Now;
            var entry = _ledger.Owner(owner);
            entry.SourceCodec = track.Codec;
            var outline = LadderOutline.Of(track, ladder, AssumedFrameRate);
            var order = DecodeChoices(owner, outline, now);
            if (order.Count > 0)
            {
                var first = order[0];
                SetDecoder(entry, first.Device, outline, now);
                if (first.Encodes)
                {
                    _ledger.SetExpected(entry, first.Device.EncodeLoadOf(outline), now, first.Device);
                }
            }

            return Places(order);
        }
    }

    /// <summary>
    /// Where each rendition of a ladder would go now, at what cost, or why not, device by device. Nothing is reserved, nobody is moved.
    /// </summary>
    /// <param name="terms">What the operator wrote for a rendition, by its number in the demands.</param>
    /// <param name="source">The source's codec.</param>
    public PlacementPlan Plan(LeaseRequest request, Func<int, LeaseTerms> terms, CodecId source = CodecId.H264)
    {
        lock (_gate)
        {
            var entry = new OwnerEntry(new Asker(terms)) { Decoder = Device(request.Decoder.Id) ?? _cpu, SourceCodec = source };
            foreach (var demand in request.Demands)
            {
                entry.Demands[demand.Number] = demand.Settings;
            }

            // The source's decoding and scaling take from the same cores as software encoders.
            var cores = _cpu.Encode!.Ours;
            var outline = OutlineOf(entry, request);
            _cpu.Encode.Try(
                cores + (entry.Decoder == _cpu ? _cpu.DecodeLoadOf(outline) : default) + (ScalerOf(entry.Decoder) == _cpu ? _cpu.ScaleLoadOf(outline) : default));
            var decisions = _placement.Decide(Units(entry, request.Demands), Case(entry, Now));
            _cpu.Encode.Try(cores);
            return new PlacementPlan(request.Decoder, [.. decisions.SelectMany(decision => decision.Unit.Numbers.Select(number => PlanOf(entry, decision, number))).OrderBy(plan => plan.Number)]);
        }
    }

    /// <summary>As <see cref="DecodeOrder"/>, without noting anything.</summary>
    public IReadOnlyList<DeviceRef> PlanDecode(Track track, IReadOnlyList<RenditionSpec> ladder)
    {
        lock (_gate)
        {
            return Places([.. _placement.DecodeOrder(LadderOutline.Of(track, ladder, AssumedFrameRate))]);
        }
    }

    private static RenditionPlan PlanOf(OwnerEntry entry, UnitDecision decision, int number)
    {
        var first = decision.Unit.Numbers[0];
        var places = decision.Options.Select(option => new PlaceView(
            option.Device.Id, option.Device.Report.Name, option.Kind, double.IsNaN(option.Cost) ? null : option.Cost, option.Refusal is null ? null : Placement.Explain(option))).ToList();
        var name = entry.Owner.Terms(number).Rendition;
        if (decision.Placed is { } placed)
        {
            var reason = number == first ? placed.Reason : new Reason(Reasons.SharedSession, $"the session of {entry.Owner.Terms(first).Rendition} has the same settings");
            return new RenditionPlan(number, name, placed.Place, placed.Settings, reason, places);
        }

        var victims = string.Join(", ", decision.Victims.Select(victim => $"{victim.Owner.Owner.Stream} {victim.Unit.Terms.Rendition}"));
        return decision.Victims.Count > 0
            ? new RenditionPlan(number, name, decision.Victims[0].Place, decision.Unit.Settings, new Reason(Reasons.Preempted, $"takes the place of {victims}"), places)
            : new RenditionPlan(number, name, null, decision.Unit.Settings, decision.Refusal, places);
    }

    private DeviceState? Device(string id) => _devices.Find(device => device.Id == id);

    private void SetDecoder(OwnerEntry entry, LeaseRequest request, TimeSpan now) =>
        SetDecoder(entry, Device(request.Decoder.Id) ?? _cpu, OutlineOf(entry, request), now);

    private static LadderOutline OutlineOf(OwnerEntry entry, LeaseRequest request) => new(
        entry.SourceCodec,
        request.SourceWidth,
        request.SourceHeight,
        request.SourceFrameRate,
        [.. entry.Demands.Values.Select(settings => new RungOutline(settings.Codec, settings.Width, settings.Height, settings.FrameRate, settings.Preset))]);

    private DeviceState ScalerOf(DeviceState decoder) => decoder.Scale is null ? _cpu : decoder;

    private void SetDecoder(OwnerEntry entry, DeviceState device, LadderOutline outline, TimeSpan now)
    {
        entry.Outline = outline;
        var scaler = ScalerOf(device);
        _ledger.SetDecoder(entry, device, device.DecodeLoadOf(outline), scaler, scaler.ScaleLoadOf(outline), now);
    }

    /// <summary>Nobody: the owner of a plan.</summary>
    private sealed class Asker(Func<int, LeaseTerms> terms) : ILeaseOwner
    {
        public string Stream => "plan";

        public int WorkerProcessId => 0;

        public LeaseTerms Terms(int number) => terms(number);

        public void Order(LeaseGrant grant)
        {
        }

        public void Move(DecodeMove move)
        {
        }
    }
}
