using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// From decoded frames to the queues of the renditions: the one place where it is decided, once for each source frame, whether it is a keyframe,
/// which renditions take it and in which size. On the decode thread.
/// </summary>
internal sealed class VideoFanOut(PipelineScope scope, LagGate lag) : IDisposable
{
    // Enough to estimate a frame rate; or so much time, where frames come slowly.
    private const int FramesToEstimate = 6;
    private static readonly MediaTime TimeToEstimate = MediaTime.FromMilliseconds(250);

    private readonly KeyframeGrid _grid = new(scope.Job.KeyframeInterval);
    private readonly List<Frame> _early = [];
    private readonly List<Rung> _rungs = [];
    private ScaleCascade? _cascade;
    private IReadOnlyList<PictureSize> _sizes = [];
    private IDevice? _device;
    private string _decoder = "";
    private double _statedRate;
    private MediaTime _last = MediaTime.MinValue;
    private TimeSpan _duration;
    private bool _planned;
    private bool _aborted;

    /// <summary>True while some rendition still takes pictures; without one decoding is a waste.</summary>
    public bool IsWanted => !_planned ? scope.Renditions.Any(rendition => rendition.Job.Spec.Video is not null) : _rungs.Exists(rung => !rung.Video.Rendition.HasEnded);

    /// <summary>A decoder was opened: its frames are on that device.</summary>
    public void SetSource(IDevice device, string decoder, double statedRate)
    {
        _device = device;
        _decoder = decoder;
        _statedRate = statedRate;
        if (_planned)
        {
            _cascade?.Dispose();
            _cascade = new ScaleCascade(device, _sizes);
        }
    }

    /// <summary>Takes over the caller's reference.</summary>
    public void Offer(Frame frame, PipelineThread thread)
    {
        // Ingest repairs disorder; a decoder that makes some would break every encoder behind it.
        if (frame.Pts <= _last)
        {
            scope.Source.CountDamage();
            frame.Release();
            return;
        }

        _duration = _last == MediaTime.MinValue ? TimeSpan.Zero : (frame.Pts - _last).ToTimeSpan();
        _last = frame.Pts;
        scope.Source.VideoDecoded(frame.Pts);
        if (_planned)
        {
            FanOut(frame, thread);
            return;
        }

        _early.Add(frame);
        if (FrameRateEstimate.IsPlausible(_statedRate) || _early.Count >= FramesToEstimate || frame.Pts - _early[0].Pts >= TimeToEstimate)
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
        foreach (var rung in _rungs)
        {
            rung.Video.Queue.Complete();
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
                rung.Video.Rendition.Frames.Lost(rung.Video.Queue.Abort());
            }
        }
    }

    public void Dispose()
    {
        _cascade?.Dispose();
        _early.ForEach(frame => frame.Release());
        _early.Clear();
    }

    private void Settle(PipelineThread thread)
    {
        var first = _early[0];
        var rate = FrameRateEstimate.IsPlausible(_statedRate) ? _statedRate : FrameRateEstimate.From([.. _early.Select(frame => frame.Pts)]);
        var source = new SourcePicture(first.Width, first.Height, first.SampleAspectRatio, rate, first.Color);
        var plan = TranscodePlanner.Plan(scope.Job.Renditions, source, scope.Job.KeyframeInterval);
        foreach (var (number, reason) in plan.LeftOut)
        {
            scope.Renditions[number].End(reason);
        }

        _sizes = plan.Sizes;
        _cascade = new ScaleCascade(_device!, _sizes);
        lock (_rungs)
        {
            foreach (var planned in plan.Renditions.Where(planned => !_aborted && !scope.Renditions[planned.Number].HasEnded))
            {
                var video = new VideoRendition(scope, scope.Renditions[planned.Number], planned, _decoder);
                _rungs.Add(new Rung(video, new FrameRateReduction(planned.ReducedFrameRate)));
                scope.Threads.Start($"enc:{scope.Job.Stream}:{video.Rendition.Name}", video.Run);
            }
        }

        _planned = true;
        scope.VideoSettled.Set();
        while (_early.Count > 0)
        {
            var frame = _early[0];
            _early.RemoveAt(0);
            FanOut(frame, thread);
        }
    }

    private void FanOut(Frame frame, PipelineThread thread)
    {
        var grid = _grid.IsKeyframe(frame.Pts);
        lag.BeginFrame(_duration);
        try
        {
            _cascade!.Begin(frame);
            foreach (var rung in _rungs)
            {
                OfferTo(rung, frame, grid, thread);
            }
        }
        finally
        {
            _cascade!.Finish();
            frame.Release();
        }
    }

    private void OfferTo(Rung rung, Frame frame, bool grid, PipelineThread thread)
    {
        var rendition = rung.Video.Rendition;
        if (rendition.HasEnded || frame.Pts <= rendition.Job.ResumeVideoAfter)
        {
            return;
        }

        rendition.Frames.Offered();
        var keyframe = grid || !rung.Begun || rung.LostKeyframe;
        if (!rung.Reduction.Picks(frame.Pts, keyframe))
        {
            rendition.Frames.DroppedByPlan();
            return;
        }

        thread.Idle();
        var room = rung.Video.Queue.WaitForRoom(keyframe, lag, out var evicted);
        thread.Busy();
        rendition.Frames.DroppedLate(evicted);
        if (room == FrameRoom.Full)
        {
            rendition.Frames.DroppedLate(1);
            return;
        }

        if (room == FrameRoom.Closed)
        {
            rendition.Frames.Lost(1);
            return;
        }

        Frame scaled;
        try
        {
            scaled = _cascade!.Get(rung.Video.Plan.SizeIndex);
        }
        catch (CodecException exception)
        {
            // One picture that could not be scaled; the keyframe it was to be moves to the next one.
            scope.Link.Log("Warning", $"{rendition.Name}: scaling the frame at {frame.Pts} failed: {exception.Message}");
            rendition.Frames.Lost(1);
            rung.LostKeyframe |= keyframe;
            return;
        }

        scaled.AddReference();
        rung.Begun = true;
        rung.LostKeyframe = false;
        if (!rung.Video.Queue.Put(scaled, keyframe))
        {
            rendition.Frames.Lost(1);
        }
    }

    private sealed class Rung(VideoRendition video, FrameRateReduction reduction)
    {
        public VideoRendition Video => video;

        public FrameRateReduction Reduction => reduction;

        /// <summary>The first frame after the resume point has been queued.</summary>
        public bool Begun { get; set; }

        public bool LostKeyframe { get; set; }
    }
}
