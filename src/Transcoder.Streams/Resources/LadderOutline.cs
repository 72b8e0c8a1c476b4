using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Resources;

internal readonly record struct RungOutline(CodecId Codec, int Width, int Height, double FrameRate, string Preset)
{
    public double Pixels => Width * (double)Height;
}

/// <summary>A ladder's weight, before or after a worker has planned it for the real picture.</summary>
internal sealed record LadderOutline(CodecId Codec, int Width, int Height, double FrameRate, IReadOnlyList<RungOutline> Rungs)
{
    public double Pixels => Width * (double)Height;

    /// <summary>Pixels of one frame in each distinct size: each is scaled once.</summary>
    public double ScaledPixels => Rungs.Where(rung => (rung.Width, rung.Height) != (Width, Height)).DistinctBy(rung => (rung.Width, rung.Height)).Sum(rung => rung.Pixels);

    /// <summary>From the source's track, whose picture may not be known in full yet; rungs larger than the source count as left out.</summary>
    public static LadderOutline Of(Track track, IReadOnlyList<RenditionSpec> ladder, double assumedFrameRate)
    {
        var (width, height) = track.Video is { Width: > 0, Height: > 0 } ? (track.Video.Width, track.Video.Height) : (1920, 1080);
        var rate = track.Video.FrameRate > 0 ? track.Video.FrameRate : assumedFrameRate;
        var (longSide, shortSide) = (Math.Max(width, height), Math.Min(width, height));
        var rungs = ladder.Select(spec => spec.Video).OfType<VideoSpec>().Select(video =>
        {
            var scale = video.Height > 0 ? video.Height / (double)shortSide : video.Width > 0 ? video.Width / (double)longSide : 1;
            return (Video: video, Scale: scale);
        });
        return new LadderOutline(track.Codec, width, height, rate, [.. rungs.Where(rung => rung.Scale <= 1 || rung.Video.AllowUpscale).Select(rung => new RungOutline(
            rung.Video.Codec,
            (int)(width * rung.Scale),
            (int)(height * rung.Scale),
            rung.Video.MaxFrameRate > 0 ? Math.Min(rate, rung.Video.MaxFrameRate) : rate,
            rung.Video.Preset))]);
    }
}
