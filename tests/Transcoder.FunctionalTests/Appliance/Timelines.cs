using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>What must hold of every rendition's packets beside its source's.</summary>
internal static partial class Timelines
{
    /// <summary>AAC has 1024 samples a unit (ISO/IEC 14496-3), and RTMP rounds to milliseconds.</summary>
    private const double SamplesPerUnit = 1024;

    public static void AssertOrdered(Recording recording)
    {
        AssertRises(recording.Packets, "the whole stream", step: 0);
        AssertRises(recording.Video, "video", step: 1);
        AssertRises(recording.Audio, "audio", step: 1);
    }

    /// <summary>Each picture of the rendition is one of the source's, none comes twice, and within what was recorded no more are missing than were counted.</summary>
    public static void AssertAccountsFor(Recording source, Recording rendition, long dropped)
    {
        var pictures = rendition.Video.Select(p => p.Pts).ToList();
        Assert.Equal(pictures.Count, pictures.Distinct().Count());
        var wanted = source.Video.Select(p => p.Pts).ToHashSet();
        Assert.DoesNotContain(pictures, pts => !wanted.Contains(pts));
        var missing = wanted.Where(pts => pts >= pictures.Min()).Except(pictures).Order().ToList();
        Assert.True(missing.Count <= dropped, $"{rendition.Url} lacks {missing.Count} source frames and counts {dropped} as dropped; missing at {string.Join(", ", missing)} ms");
    }

    /// <summary>Keyframes of all renditions lie at the same times, on the grid; besides there is one where a new worker resumed.</summary>
    public static void AssertKeyframesAlign(IReadOnlyList<Recording> renditions, long intervalMilliseconds, int resumptions = 0, double framesPerSecond = 30)
    {
        var from = renditions.Max(r => r.Video[0].Pts);
        var to = renditions.Min(r => r.Video[^1].Pts);
        var first = Keyframes(renditions[0]).Where(IsOnGrid).ToList();
        Assert.True(first.Count >= 2, $"{renditions[0].Url} has {first.Count} keyframes on the grid");
        foreach (var keyframes in renditions.Select(Keyframes))
        {
            Assert.Equal(first, keyframes.Where(IsOnGrid));

            // The stream's first picture is one wherever it lies.
            Assert.InRange(keyframes.Skip(1).Count(pts => !IsOnGrid(pts)), 0, resumptions);
        }

        // The first picture at or after each grid point.
        bool IsOnGrid(long pts) => pts % intervalMilliseconds <= (1000 / framesPerSecond) + 1;

        List<long> Keyframes(Recording recording) => [.. recording.Video.Where(p => p.IsKeyframe && p.Pts >= from && p.Pts <= to).Select(p => p.Pts)];
    }

    /// <summary>Each AAC unit follows the one before by its own length: no gap, no overlap.</summary>
    public static void AssertContinuousAudio(Recording recording, int sampleRate)
    {
        var times = recording.Audio.Select(p => p.Pts).ToList();
        var length = SamplesPerUnit / sampleRate * 1000;
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.True(Math.Abs(pair.Second - pair.First - length) <= 2, $"{recording.Url}: audio at {pair.First} ms is followed by {pair.Second} ms"));

        // Rounding may not add up either.
        Assert.InRange(times[^1] - times[0] - ((times.Count - 1) * length), -3, 3);
    }

    /// <summary>Bits a second of the pictures.</summary>
    public static double VideoBitrate(Recording recording)
    {
        var video = recording.Video;
        var seconds = (video[^1].Pts - video[0].Pts) / 1000.0 * video.Count / (video.Count - 1);
        return video.Sum(p => p.Payload.LongLength) * 8 / seconds;
    }

    public static double AudioBitrate(Recording recording)
    {
        var audio = recording.Audio;
        return audio.Sum(p => p.Payload.LongLength) * 8 / ((audio[^1].Pts - audio[0].Pts) / 1000.0);
    }

    /// <summary>The longest time in which no picture came, from shortly before <paramref name="since"/> on.</summary>
    public static TimeSpan LongestPause(Recording recording, long since)
    {
        var arrivals = recording.Video.Select(p => p.Arrived).ToList();
        var first = arrivals.FindLastIndex(arrived => arrived < since);
        return arrivals.Skip(first).Zip(arrivals.Skip(first + 1)).Max(pair => Stopwatch.GetElapsedTime(pair.First, pair.Second));
    }

    /// <summary>FFmpeg decodes each picture that came, and finds nothing to say about any.</summary>
    public static async Task AssertDecodesAsync(Recording recording)
    {
        var file = Path.GetTempFileName();
        try
        {
            var pictures = recording.Video.Count;
            await recording.WriteFlvAsync(file);

            // Without its parser, which looks at pictures with the first headers alone and takes later ones for broken.
            await using var decoding = ChildProcess.Start("ffmpeg", "-nostdin", "-v", "error", "-copyts", "-fflags", "+noparse", "-i", file, "-an", "-fps_mode", "passthrough", "-f", "framecrc", "-");
            Assert.Equal(0, await decoding.ExitAsync());
            Assert.DoesNotContain(decoding.Lines, line => line.Length > 0 && line[0] != '#' && !char.IsAsciiDigit(line[0]));
            Assert.InRange(decoding.Output.Split('\n').Count(line => line.Length > 0 && line[0] != '#'), pictures, int.MaxValue);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>From each flash to its beep in milliseconds, measured in what FFmpeg decodes.</summary>
    public static async Task<IReadOnlyList<double>> FlashToBeepAsync(Recording recording)
    {
        var file = Path.GetTempFileName();
        try
        {
            await recording.WriteFlvAsync(file);
            var flashes = Onsets(await PrintAsync(file, "-an", "-vf", "scale=64:36,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"), 190);

            // 48 samples are a millisecond.
            var beeps = Onsets(
                await PrintAsync(file, "-vn", "-af", "aresample=48000,asetnsamples=48,astats=metadata=1:reset=1:length=0.001,ametadata=print:key=lavfi.astats.1.Peak_level:file=-"), -14);
            return [.. flashes.Select(flash => (Flash: flash, Beep: beeps.MinBy(beep => Math.Abs(beep - flash)))).Where(pair => Math.Abs(pair.Beep - pair.Flash) < 0.4).Select(pair => (pair.Beep - pair.Flash) * 1000)];
        }
        finally
        {
            File.Delete(file);
        }
    }

    [GeneratedRegex(@"pts_time:(\S+)|=(\S+)$")]
    private static partial Regex PrintedValue { get; }

    private static Task<string> PrintAsync(string file, params string[] filter) =>
        ChildProcess.RunAsync("ffmpeg", ["-nostdin", "-v", "error", "-copyts", "-i", file, .. filter, "-f", "null", "-"]);

    /// <summary>Where the value rises over the threshold after having been under it.</summary>
    private static List<double> Onsets(string printed, double threshold)
    {
        var onsets = new List<double>();
        var time = 0.0;
        bool? over = null;
        foreach (var match in printed.Split('\n').Select(line => PrintedValue.Match(line)).Where(match => match.Success))
        {
            if (match.Groups[1].Success)
            {
                time = double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
                continue;
            }

            var isOver = double.TryParse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture, out var value) && value > threshold;
            if (isOver && over == false)
            {
                onsets.Add(time);
            }

            over = isOver;
        }

        return onsets;
    }

    private static void AssertRises(IReadOnlyList<RecordedPacket> packets, string what, long step)
    {
        for (var i = 1; i < packets.Count; i++)
        {
            if (packets[i].Dts < packets[i - 1].Dts + step)
            {
                var around = packets.Skip(i - 8).Take(12).Select(p => $"{p.Kind} {p.Dts} arrived {Stopwatch.GetElapsedTime(packets[0].Arrived, p.Arrived).TotalMilliseconds:0}");
                Assert.Fail($"{what}: {packets[i - 1].Dts} ms is followed by {packets[i].Dts} ms in\n{string.Join('\n', around)}");
            }
        }
    }
}
