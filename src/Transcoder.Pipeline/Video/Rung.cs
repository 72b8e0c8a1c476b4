using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Video;

/// <summary>The decode thread's side of a lane.</summary>
internal sealed class Rung(VideoLane lane)
{
    private FrameRateReduction _reduction = new(0);
    private double _rate;

    public VideoLane Lane => lane;

    public long Pixels => (long)lane.Target.Size.Width * lane.Target.Size.Height;

    public bool LostKeyframe { get; set; }

    public bool Picks(MediaTime pts, bool keyframe, double rate)
    {
        if (rate != _rate)
        {
            _rate = rate;
            _reduction = new FrameRateReduction(rate);
        }

        return _reduction.Picks(pts, keyframe);
    }
}
