using Transcoder.Codecs.Libav;
using Transcoder.FunctionalTests.Codecs;
using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.FunctionalTests.Pipeline;

public sealed class IngestWorkerTests : IDisposable
{
    private const int Rate = 44100;
    private const int Pictures = 120;

    private readonly TrackingBufferPool _pool = new();
    private readonly List<Packet> _owned = [];

    /// <summary>30 pictures a second with millisecond times, B-frames, from 10 s on; sound that begins one second later.</summary>
    private readonly List<Packet> _source;

    public IngestWorkerTests()
    {
        using var pictures = new TestPictures();
        using var video = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264, 640, 360, bFrames: 2));
        _source = Coding.Encode(video, _pool, Enumerable.Range(0, Pictures).Select(i => (pictures.Video(640, 360, PictureTime(i), i), i % 30 == 0)));
        _source.AddRange(Tone(pictures));
        _source.Sort((a, b) => a.Dts.CompareTo(b.Dts));
        _owned.AddRange(_source);
    }

    [Fact]
    public void A_ladder_comes_out_in_the_sizes_asked_for_with_the_source_s_times_and_common_keyframes()
    {
        using var run = Ladder();
        _source.ForEach(packet => run.Send(packet));
        Assert.Equal(Reasons.SourceEnded, run.End().Code);

        MediaTime[] times = [.. Enumerable.Range(0, Pictures).Select(PictureTime)];
        (int Width, int Height)[] sizes = [(640, 360), (426, 240), (320, 180)];
        for (var rendition = 0; rendition < 3; rendition++)
        {
            var packets = Received(run, rendition, TrackKind.Video);
            var shown = packets.Select(packet => packet.Pts).Order().ToList();
            Assert.Equal([times[0], times[30], times[60], times[90]], run.Daemon.Keyframes(rendition));
            Assert.Equal(shown, Decode(packets, frame =>
            {
                Assert.Equal(sizes[rendition], (frame.Width, frame.Height));
                return frame.Pts;
            }));
            Assert.All(packets.Zip(packets.Skip(1)), pair => Assert.True(pair.First.Dts < pair.Second.Dts));
            var report = run.Daemon.LastReport(rendition);
            Assert.Equal((Pictures, 0, 0, 0), (report.FramesIn, report.FramesPending, report.FramesLost, report.FramesDroppedLate));
            Assert.Equal(shown.Count, report.FramesEncoded);
            if (rendition < 2)
            {
                Assert.Equal(times, shown);
            }
            else
            {
                Assert.Equal(Pictures / 2, shown.Count);
            }
        }

        Assert.Equal(Reasons.NoUpscale, run.Daemon.RenditionEnd(3)!.Value.Code);
        Assert.Empty(Received(run, 3, TrackKind.Audio));
    }

    [Fact]
    public void Sound_stays_where_it_was()
    {
        using var run = Ladder();
        _source.ForEach(packet => run.Send(packet));
        run.End();

        var onset = Onset([.. _source.Where(packet => packet.Track.Kind == TrackKind.Audio)]);
        Assert.InRange((onset - PictureTime(30)).Milliseconds, -25, 25);
        foreach (var rendition in new[] { 0, 1 })
        {
            Assert.InRange((Onset(Received(run, rendition, TrackKind.Audio)) - onset).Milliseconds, -5, 5);
        }
    }

    [Fact]
    public void A_second_worker_goes_on_where_the_first_was_cut_off()
    {
        using var first = Ladder();
        var cut = _source.Count / 2;
        _source.Take(cut).ToList().ForEach(packet => first.Send(packet));
        first.Daemon.WaitFor(daemon => Enumerable.Range(0, 3).All(r => daemon.Times(r).Count > 15 && daemon.Times(r, TrackKind.Audio).Count > 15), "the first worker's packets");
        first.Daemon.Close();
        first.Dispose();

        var left = Enumerable.Range(0, 3).Select(r => new Left(LeftAt(first, r), first.Daemon.Times(r, TrackKind.Audio)[^1])).ToArray();
        using var second = Ladder(left);
        _source.ForEach(packet => second.Send(packet));
        second.End();

        for (var rendition = 0; rendition < 2; rendition++)
        {
            var before = first.Daemon.Times(rendition).Where(time => time <= left[rendition].Video);
            Assert.Equal(Enumerable.Range(0, Pictures).Select(PictureTime), before.Concat(second.Daemon.Times(rendition)).Order());
            Assert.Equal(second.Daemon.Times(rendition).Min(), second.Daemon.Keyframes(rendition)[0]);
            long[] sound = [.. first.Daemon.Times(rendition, TrackKind.Audio).Concat(second.Daemon.Times(rendition, TrackKind.Audio)).Select(time => time.ToSamples(Rate))];
            Assert.All(sound.Zip(sound.Skip(1)), pair => Assert.Equal(1024, pair.Second - pair.First));
        }
    }

    public void Dispose()
    {
        Coding.Release(_owned);
        _pool.Dispose();
    }

    private static MediaTime PictureTime(int index) => MediaTime.FromMilliseconds(10_000 + (index * 1000L / 30));

    /// <summary>What the daemon would keep of a worker that died: everything up to the last boundary.</summary>
    private static MediaTime LeftAt(WorkerRun run, int rendition)
    {
        var packets = run.Daemon.Packets(rendition, TrackKind.Video);
        var last = packets.ToList().FindLastIndex(packet => packet.Header.LinkFlags.HasFlag(WorkerPacketFlags.Boundary));
        return packets.Take(last + 1).Max(packet => packet.Header.Pts);
    }

    private WorkerRun Ladder(Left[]? left = null)
    {
        var aac = new AudioSpec(CodecId.Aac, 96000);
        RenditionJob[] ladder =
        [
            WorkerRun.Rung("360p", 360, 600_000, audio: aac),
            WorkerRun.Rung("240p", 240, 300_000, bFrames: 2, audio: aac with { Bitrate = 64000 }),
            WorkerRun.Rung("180p", 180, 150_000, maxFrameRate: 15, audio: aac),
            WorkerRun.Rung("720p", 720, 150_000, audio: aac),
        ];
        for (var i = 0; i < left?.Length; i++)
        {
            ladder[i] = ladder[i] with { ResumeVideoAfter = left[i].Video, ResumeAudioAfter = left[i].Audio };
        }

        var run = new WorkerRun();
        run.Start(MediaTime.FromSeconds(1), ladder);
        return run;
    }

    private List<Packet> Received(WorkerRun run, int rendition, TrackKind kind)
    {
        var packets = run.Received(rendition, kind, _pool);
        _owned.AddRange(packets);
        return packets;
    }

    private static List<T> Decode<T>(List<Packet> packets, Func<LibavFrame, T> read)
    {
        using var decoder = Coding.Cpu.OpenDecoder(packets[0].Track);
        var frames = Coding.Decode(decoder, packets);
        var answers = frames.ConvertAll(frame => read(frame));
        Coding.Release(frames);
        return answers;
    }

    private static MediaTime Onset(List<Packet> packets) => Decode(packets, frame =>
    {
        var loud = Array.FindIndex(TestPictures.Samples(frame, 0), sample => Math.Abs(sample) > 0.2);
        return loud < 0 ? MediaTime.MaxValue : frame.Pts + MediaTime.FromSamples(loud, frame.SampleRate);
    }).Min();

    private IEnumerable<Packet> Tone(TestPictures pictures)
    {
        var settings = new AudioEncoderSettings(CodecId.Aac, 96000, new AudioFormat(Rate, 2));
        using var encoder = Coding.Cpu.OpenAudioEncoder(settings);
        using var resampler = Coding.Cpu.OpenAudioResampler(settings.Format);
        var packets = new List<Packet>();
        for (var i = 0; i < Pictures * Rate / 30 / encoder.FrameSize; i++)
        {
            var pts = PictureTime(0) + MediaTime.FromSamples((long)i * encoder.FrameSize, Rate);
            if (pts < PictureTime(30))
            {
                resampler.PushSilence(encoder.FrameSize);
            }
            else
            {
                var tone = pictures.Tone(encoder.FrameSize, Rate, 2, pts);
                resampler.Push(tone);
                tone.Release();
            }

            var frame = resampler.Pull(encoder.FrameSize, pts);
            encoder.Send(frame);
            frame.Release();
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                packets.Add(Packet.Copy(_pool, encoder.Track, unit.Pts, unit.Pts, PacketFlags.Keyframe, unit.Data));
            }
        }

        return packets;
    }

    private readonly record struct Left(MediaTime Video, MediaTime Audio);
}
