using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;

namespace Transcoder.Pipeline.Planning;

/// <summary>The picture as the decoder gives it.</summary>
internal readonly record struct SourcePicture(int Width, int Height, double SampleAspectRatio, double FrameRate, ColorDescription Color = default);

/// <summary>A size in pixels that one or more renditions need.</summary>
internal readonly record struct PictureSize(int Width, int Height);

/// <param name="Number">The rendition's number on the link.</param>
/// <param name="SizeIndex">Index in <see cref="TranscodePlan.Sizes"/>.</param>
/// <param name="ReducedFrameRate">Frames a second to keep; 0 keeps all.</param>
internal sealed record PlannedVideo(int Number, VideoEncoderSettings Settings, int SizeIndex, double ReducedFrameRate);

/// <param name="Sizes">Distinct, largest first: each is scaled from the one before it, the first from the source.</param>
/// <param name="LeftOut">Renditions that this source can't have, with the reason.</param>
internal sealed record TranscodePlan(IReadOnlyList<PlannedVideo> Renditions, IReadOnlyList<PictureSize> Sizes, IReadOnlyList<(int Number, Reason Reason)> LeftOut);

/// <summary>
/// From ladder and source picture to encoder settings; pure. Renditions have square pixels, because FLV metadata can't say otherwise: the source is
/// measured as displayed. Width and height of a rung are those of a lying picture; for a standing one they change places, so "height: 720" always
/// bounds the short side. A rung that gives both is a box that the picture fits into.
/// </summary>
internal static class TranscodePlanner
{
    private const int SmallestSide = 16;

    // A nominal rate this close to the ceiling is the ceiling: 30000/1001 under 30, and an estimate from rounded timestamps.
    private const double RateTolerance = 1.02;

    public static TranscodePlan Plan(IReadOnlyList<RenditionJob> ladder, SourcePicture source, MediaTime keyframeInterval)
    {
        var leftOut = new List<(int, Reason)>();
        var wanted = new List<(int Number, VideoSpec Spec, PictureSize Size)>();
        for (var number = 0; number < ladder.Count; number++)
        {
            if (ladder[number].Spec.Video is not { } spec)
            {
                continue;
            }

            if (SizeFor(spec, source, out var size))
            {
                wanted.Add((number, spec, size));
            }
            else
            {
                leftOut.Add((number, TooLarge(ladder[number].Spec.Name, spec, size, source)));
            }
        }

        PictureSize[] sizes = [.. wanted.Select(rung => rung.Size).Distinct().OrderByDescending(size => (long)size.Width * size.Height).ThenByDescending(size => size.Width)];
        var renditions = wanted.Select(rung =>
        {
            var reduced = ReducedRate(source.FrameRate, rung.Spec.MaxFrameRate);
            var rate = reduced > 0 ? reduced : source.FrameRate;
            // Twice the grid's distance: the encoder's own limit must never come before the grid.
            var gop = Math.Max(2, (int)Math.Ceiling(keyframeInterval.Seconds * rate) * 2);
            var settings = new VideoEncoderSettings(
                rung.Spec.Codec, rung.Size.Width, rung.Size.Height, rate, rung.Spec.Bitrate, rung.Spec.RateControl, rung.Spec.BufferMilliseconds,
                rung.Spec.Preset, rung.Spec.Profile, rung.Spec.Tune, rung.Spec.BFrames, gop, Color: source.Color);
            return new PlannedVideo(rung.Number, settings, Array.IndexOf(sizes, rung.Size), reduced);
        });
        return new TranscodePlan([.. renditions], sizes, leftOut);
    }

    private static bool SizeFor(VideoSpec spec, SourcePicture source, out PictureSize size)
    {
        var sar = source.SampleAspectRatio > 0 ? source.SampleAspectRatio : 1;
        var width = sar > 1 ? source.Width * sar : source.Width;
        var height = sar < 1 ? source.Height / sar : source.Height;
        var standing = height > width;
        var (boxWidth, boxHeight) = standing ? (spec.Height, spec.Width) : (spec.Width, spec.Height);
        var scale = (boxWidth, boxHeight) switch
        {
            (0, 0) => 1,
            (0, _) => boxHeight / height,
            (_, 0) => boxWidth / width,
            _ => Math.Min(boxWidth / width, boxHeight / height),
        };

        // The side that was asked for comes out as asked: it is even by validation. An odd source side is even after rounding up by one.
        size = new PictureSize(Even(width * scale), Even(height * scale));
        var fits = size.Width <= Math.Ceiling(width) + 1 && size.Height <= Math.Ceiling(height) + 1;
        if (fits && scale >= 1 && !spec.AllowUpscale)
        {
            size = new PictureSize(Math.Min(size.Width, EvenBelow(width)), Math.Min(size.Height, EvenBelow(height)));
        }

        return fits || spec.AllowUpscale;
    }

    private static Reason TooLarge(string name, VideoSpec spec, PictureSize size, SourcePicture source)
    {
        var asked = spec.Height != 0 ? $"height {spec.Height}" : $"width {spec.Width}";
        return new Reason(
            Reasons.NoUpscale,
            $"{name} asks for {asked}, which is {size.Width}x{size.Height} for this source, but the source is only {source.Width}x{source.Height}; set upscale to make it all the same");
    }

    private static double ReducedRate(double source, double ceiling)
    {
        if (ceiling <= 0 || source <= ceiling * RateTolerance)
        {
            return 0;
        }

        // An even fraction of the source keeps motion even: 59.94 under a ceiling of 30 becomes 29.97, not 30 with a hiccup.
        var fraction = source / Math.Ceiling(source / (ceiling * RateTolerance));
        return fraction >= ceiling / RateTolerance ? fraction : ceiling;
    }

    private static int Even(double value) => Math.Max(SmallestSide, (int)Math.Round(value / 2, MidpointRounding.AwayFromZero) * 2);

    private static int EvenBelow(double value) => Math.Max(SmallestSide, (int)(value + 0.001) & ~1);
}
