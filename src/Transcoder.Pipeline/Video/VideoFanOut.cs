using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Renditions;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// From decoded frames to the queues of the lanes: the one place where it is decided, once for each source frame, whether it is a keyframe, which
/// renditions take it and in which size. On the decode thread.
/// </summary>
internal sealed class VideoFanOut(PipelineScope scope, LagGate lag, SourceDecoder decoder) : IDisposable
{
    // Enough to estimate a frame rate; or so much time, where frames come slowly.
    private const int FramesToEstimate = 6;
    private static readonly MediaTime TimeToEstimate = MediaTime.FromMilliseconds(250);

    // The daemon answers in milliseconds unless it is gone or stuck; the source's packets pile up meanwhile.
    private static readonly TimeSpan GrantDeadline = TimeSpan.FromSeconds(5);

    private readonly KeyframeGrid _grid = new(scope.Job.KeyframeInterval);
    private readonly List<Frame> _early = [];
    private readonly List<Rung> _rungs = [];
    private readonly Scaling _scaling = new(
        scope.Encoders.Cpu, line => scope.Link.Log("Warning", line), scaler => scope.CloseAside("scaler", scaler, closed: () => { }, hung: () => { }));

    private SourcePicture _source;
    private Track? _track;
    private MediaTime _last = MediaTime.MinValue;
    private TimeSpan _duration;
    private bool _planned;
    private bool _aborted;

    /// <summary>True while some rendition still takes pictures; without one decoding is a waste.</summary>
    public bool IsWanted => !_planned ? scope.Renditions.Any(IsPlanned) : _rungs.Exists(rung => !rung.Lane.Members.HaveEnded);

    /// <summary>Frames up to the newest are made again by another decoder: they are skipped, and are no damage.</summary>
    public bool IsReplaying { get; set; }

    /// <summary>A decoder was opened: its frames are on that device.</summary>
    public void SetSource(Track track)
    {
        _track = track;
        _scaling.Reset();
        if (_planned)
        {
            _rungs.ForEach(rung => rung.Lane.SetPath(Path));
        }
    }

    /// <summary>Takes over the caller's reference.</summary>
    public void Offer(Frame frame, PipelineThread thread)
    {
        // Ingest repairs disorder; a decoder that makes some would break every encoder behind it.
        if (frame.Pts <= _last)
        {
            if (!IsReplaying)
            {
                scope.Source.CountDamage();
            }

            frame.Release();
            return;
        }

        _duration = _last == MediaTime.MinValue ? TimeSpan.Zero : (frame.Pts - _last).ToTimeSpan();
        _last = frame.Pts;
        scope.Source.VideoDecoded(frame.Pts);
        if (_planned)
        {
            Replan(frame);
            FanOut(frame, thread);
            return;
        }

        _early.Add(frame);
        if (FrameRateEstimate.IsPlausible(StatedRate) || _early.Count >= FramesToEstimate || frame.Pts - _early[0].Pts >= TimeToEstimate)
        {
            Settle(thread);
        }
    }

    /// <summary>No more frames: the encode threads take what is left, then drain.</summary>
    public void Complete(PipelineThread thread)
    {
        if (!_planned && _early.Count > 0)
        {
            Settle(thread);
        }

        scope.VideoSettled.Set();
        scope.Desk.Shut();
        foreach (var rung in _rungs)
        {
            rung.Lane.Queue.Complete();
        }
    }

    /// <summary>From any thread. The encode threads end without draining.</summary>
    public void Abort()
    {
        scope.VideoSettled.Set();
        lock (_rungs)
        {
            _aborted = true;
            foreach (var rung in _rungs)
            {
                foreach (var pts in rung.Lane.Queue.Abort())
                {
                    rung.Lane.Members.Lost(pts);
                }
            }
        }
    }

    /// <summary>For the watchdog: a scaler that does not return takes the leases of its device along.</summary>
    public void TellHung()
    {
        if (_scaling.At is { } device)
        {
            lock (_rungs)
            {
                foreach (var session in _rungs.Select(rung => rung.Lane.Session).Where(session => session?.Device == device))
                {
                    scope.Desk.Failed(session!.Grant.Lease, LeaseOutcome.Hung, 0, $"scaling on {device.Name} did not return");
                }
            }
        }
    }

    public void Dispose()
    {
        _scaling.Dispose();
        _early.ForEach(frame => frame.Release());
        _early.Clear();
    }

    private double StatedRate => _track!.Video.FrameRate;

    private FramePath Path => new(decoder.Device, _track!.Codec.Name(), _source.Width, _source.Height, _source.FrameRate);

    private void Settle(PipelineThread thread)
    {
        var first = _early[0];
        var rate = FrameRateEstimate.IsPlausible(StatedRate) ? StatedRate : FrameRateEstimate.From([.. _early.Select(frame => frame.Pts)]);
        _source = new SourcePicture(first.Width, first.Height, first.SampleAspectRatio, rate, first.Color);
        var plan = TranscodePlanner.Plan(scope.Job.Renditions, _source, scope.Job.KeyframeInterval);
        foreach (var (number, reason) in plan.LeftOut.Where(each => IsPlanned(scope.Renditions[each.Number])))
        {
            scope.Renditions[number].End(reason);
        }

        Start([.. plan.Renditions.Where(planned => IsPlanned(scope.Renditions[planned.Number]))], thread);
        _planned = true;
        scope.VideoSettled.Set();
        while (_early.Count > 0)
        {
            var frame = _early[0];
            _early.RemoveAt(0);
            FanOut(frame, thread);
        }
    }

    /// <summary>
    /// Renditions whose pictures were the source's own are encoded from the next frame on: by the encoder of another that asks for the same, or by their own, as the
    /// daemon says. Where nothing was decoded so far the first frame settles it.
    /// </summary>
    public void Add(IReadOnlyList<Rendition> renditions, PipelineThread thread)
    {
        if (_planned && renditions.Count > 0)
        {
            Start([.. renditions.Select(PlanFor).OfType<PlannedVideo>()], thread);
        }
    }

    /// <summary>Renditions that were parked and have a place now begin with the next frame.</summary>
    public void Return()
    {
        foreach (var grant in scope.Desk.Returned())
        {
            var rendition = scope.Renditions[grant.Number];
            if (rendition.IsParked)
            {
                rendition.Return(_last);
                if (PlanFor(rendition) is { } planned)
                {
                    Start(grant, [planned]);
                }
            }

            if (rendition.HasEnded)
            {
                scope.Desk.GiveBack(grant.Lease, "not wanted any more");
            }
        }
    }

    /// <returns>Null: the source's picture doesn't allow it, and it has ended.</returns>
    private PlannedVideo? PlanFor(Rendition rendition)
    {
        var plan = TranscodePlanner.Plan(scope.Job.Renditions, _source, scope.Job.KeyframeInterval);
        if (plan.Renditions.FirstOrDefault(each => each.Number == rendition.Number) is { } planned)
        {
            return planned;
        }

        rendition.End(plan.LeftOut.First(each => each.Number == rendition.Number).Reason);
        return null;
    }

    private static bool IsPlanned(Rendition rendition) => rendition.Job.Spec.Video is not null && !rendition.HasEnded && !rendition.PassesThrough;

    /// <summary>Asks for places for all of them at once, and starts a lane for each lease that is granted.</summary>
    private void Start(IReadOnlyList<PlannedVideo> wanted, PipelineThread thread)
    {
        if (wanted.Count == 0)
        {
            return;
        }

        scope.Desk.Ask(new LeaseRequest(Path.Place, _source.Width, _source.Height, _source.FrameRate, [.. wanted.Select(each => new EncodeDemand(each.Number, each.Settings))]));
        thread.Idle();
        var grants = scope.Desk.Wait([.. wanted.Select(each => each.Number)], GrantDeadline);
        thread.Busy();
        lag.CatchUp();
        foreach (var (planned, grant) in wanted.Zip(grants).Where(each => each.Second is not { Lease: not 0 }))
        {
            scope.Desk.Leave(planned.Number, null);
            if (scope.Desk.IsAborted && grant is null)
            {
                continue;
            }

            scope.Renditions[planned.Number].Park(grant?.Reason ?? new Reason(Reasons.NoPlace, $"no answer to the request for a place within {GrantDeadline.TotalSeconds:0} s"));
        }

        foreach (var shared in wanted.Zip(grants).Where(each => each.Second is { Lease: not 0 }).GroupBy(each => each.Second!.Lease))
        {
            Start(shared.First().Second!, [.. shared.Select(each => each.First)]);
        }
    }

    /// <summary>The lane that has the lease takes them in, or a new one.</summary>
    private void Start(LeaseGrant grant, IReadOnlyList<PlannedVideo> wanted)
    {
        LaneMember[] members = [.. wanted.Select(each => new LaneMember(scope.Renditions[each.Number], scope.Renditions[each.Number].VideoLeft))];
        lock (_rungs)
        {
            if (_aborted)
            {
                scope.Desk.GiveBack(grant.Lease, "the worker ends");
                return;
            }

            _rungs.RemoveAll(rung => rung.Lane.Members.HaveEnded);
            if (_rungs.Find(rung => rung.Lane.Has(grant.Lease)) is { } having)
            {
                Array.ForEach(members, having.Lane.Join);
                return;
            }

            var lane = new VideoLane(scope, new LaneMembers(members), wanted[0], Path, grant);
            _rungs.Add(new Rung(lane));
            scope.Threads.Start($"enc:{scope.Job.Stream}:{lane.Members.Name}", lane.Run);

            // Each size is made from a larger one that is there already.
            _rungs.Sort((one, other) => other.Pixels.CompareTo(one.Pixels));
        }
    }

    /// <summary>Another picture may change what a rung asks for. Rungs that it is too small for stay as they are: viewers are watching.</summary>
    private void Replan(Frame frame)
    {
        if (frame.Width == _source.Width && frame.Height == _source.Height && frame.SampleAspectRatio == _source.SampleAspectRatio)
        {
            return;
        }

        var demands = new List<EncodeDemand>();
        _source = _source with { Width = frame.Width, Height = frame.Height, SampleAspectRatio = frame.SampleAspectRatio, Color = frame.Color };
        var plan = TranscodePlanner.Plan(scope.Job.Renditions, _source, scope.Job.KeyframeInterval);
        foreach (var rung in _rungs)
        {
            var lane = rung.Lane;
            var changed = plan.Renditions.FirstOrDefault(each => lane.Members.All.Any(member => member.Rendition.Number == each.Number && !member.HasEnded));
            if (changed is not null && changed.Settings != lane.Plan.Settings)
            {
                lane.Change(changed, Path);
                demands.AddRange(lane.Members.All.Where(member => !member.HasEnded).Select(member => new EncodeDemand(member.Rendition.Number, changed.Settings)));
            }
        }

        // Those that are parked wait for what they would need now.
        demands.AddRange(plan.Renditions.Where(each => scope.Renditions[each.Number].IsParked).Select(each => new EncodeDemand(each.Number, each.Settings)));
        if (demands.Count > 0)
        {
            scope.Desk.Ask(new LeaseRequest(Path.Place, _source.Width, _source.Height, _source.FrameRate, demands));
        }
    }

    private void FanOut(Frame frame, PipelineThread thread)
    {
        var grid = _grid.IsKeyframe(frame.Pts);
        lag.BeginFrame(_duration);
        try
        {
            _scaling.Begin(frame, decoder.Device, carry: decoder.IsShortOfFrames, thread);
            foreach (var rung in _rungs)
            {
                OfferTo(rung, frame, grid, thread);
            }
        }
        finally
        {
            _scaling.Finish();
            frame.Release();
        }
    }

    private void OfferTo(Rung rung, Frame frame, bool grid, PipelineThread thread)
    {
        var lane = rung.Lane;
        var members = lane.Members;
        if (!members.Offer(frame.Pts, out var begins))
        {
            return;
        }

        var keyframe = grid || begins || rung.LostKeyframe;
        if (!rung.Picks(frame.Pts, keyframe, lane.Target.FrameRate))
        {
            members.DroppedByPlan(frame.Pts);
            return;
        }

        thread.Idle();
        var room = lane.Queue.WaitForRoom(keyframe, lag, out var evicted);
        thread.Busy();
        if (evicted is { } old)
        {
            members.DroppedLate(old);
        }

        if (room == FrameRoom.Full)
        {
            members.DroppedLate(frame.Pts);
            return;
        }

        if (room == FrameRoom.Closed)
        {
            members.Lost(frame.Pts);
            return;
        }

        Picture picture;
        try
        {
            var target = lane.Target;
            picture = _scaling.Get(target.Device, target.Size, keyframe, thread);
        }
        catch (CodecException exception)
        {
            // One picture that could not be scaled; the keyframe it was to be moves to the next one.
            scope.Link.Log("Warning", $"{members.Name}: scaling the frame at {frame.Pts} failed: {exception.Message}");
            members.Lost(frame.Pts);
            rung.LostKeyframe |= keyframe;
            return;
        }

        members.Begin(frame.Pts);
        rung.LostKeyframe = false;
        if (!lane.Queue.Put(picture))
        {
            members.Lost(frame.Pts);
        }
    }
}
