using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Planning;

/// <summary>What a worker would ask places for, without one: the same planner over a described source.</summary>
/// <param name="LeftOut">Renditions that this source can't have, with the reason.</param>
public sealed record LadderDemands(IReadOnlyList<EncodeDemand> Demands, IReadOnlyList<(int Number, Reason Reason)> LeftOut)
{
    public static LadderDemands Of(IReadOnlyList<RenditionSpec> ladder, VideoFormat source, MediaTime keyframeInterval)
    {
        var jobs = ladder.Select(spec => new RenditionJob(spec, MediaTime.MinValue, MediaTime.MinValue)).ToList();
        var plan = TranscodePlanner.Plan(jobs, new SourcePicture(source.Width, source.Height, 1, source.FrameRate), keyframeInterval);
        return new LadderDemands([.. plan.Renditions.Select(planned => new EncodeDemand(planned.Number, planned.Settings))], plan.LeftOut);
    }
}
