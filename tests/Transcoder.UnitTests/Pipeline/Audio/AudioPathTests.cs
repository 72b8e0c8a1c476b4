using System.Buffers.Binary;
using Transcoder.Media;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Devices;
using Xunit;
using static Transcoder.UnitTests.Pipeline.WorkerBench;

namespace Transcoder.UnitTests.Pipeline.Audio;

/// <summary>Samples are numbered by their true place on the timeline, so a unit shows how far its content is from its timestamp.</summary>
public sealed class AudioPathTests
{
    private const int Rate = 48000;

    [Theory]
    [InlineData(1024)]
    [InlineData(312)]
    [InlineData(0)]
    public void Units_carry_the_time_of_their_first_sample_and_priming_is_dropped(int padding)
    {
        using var bench = new WorkerBench(new FakeDevice { InitialPadding = padding });
        bench.Start(Sound());
        bench.Daemon.Send(AudioTrack);
        SendSound(bench, 100, 50);
        bench.EndSource();

        var units = Units(bench, 0);
        Assert.All(units, unit => Assert.Equal(unit.Sample, unit.Content));
        AssertSteps(units);
        Assert.InRange(units[0].Sample, 100 * 1024, (101 * 1024) - 1);
        Assert.InRange(units[^1].Sample, (149 * 1024) - 1023, (150 * 1024) - 1);
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(312)]
    public void Sound_resumes_one_unit_after_the_last_that_had_left_with_its_content_in_place(int padding)
    {
        // The grid of the worker before lies 100 samples off the source's frames.
        var left = MediaTime.FromSamples((20 * 1024) + 100, Rate);
        var leftByOther = MediaTime.FromSamples((23 * 1024) + 100, Rate);
        using var bench = new WorkerBench(new FakeDevice { InitialPadding = padding });
        bench.Start(Sound(left), Sound(leftByOther), Sound());
        bench.Daemon.Send(AudioTrack);
        SendSound(bench, 10, 40);
        bench.EndSource();

        Assert.Equal((21 * 1024) + 100, Units(bench, 0)[0].Sample);
        Assert.Equal((24 * 1024) + 100, Units(bench, 1)[0].Sample);
        for (var rendition = 0; rendition < 3; rendition++)
        {
            Assert.All(Units(bench, rendition).SkipLast(1), unit => Assert.Equal(unit.Sample, unit.Content));
            AssertSteps(Units(bench, rendition));
        }
    }

    [Fact]
    public void A_hole_is_filled_with_silence_of_its_length()
    {
        using var bench = Run(bench =>
        {
            SendSound(bench, 0, 20);
            SendSound(bench, 30, 20);
        });
        var units = Units(bench, 0);
        AssertSteps(units);
        Assert.All(units, unit => Assert.Equal(unit.Sample is >= 20 * 1024 and < 30 * 1024 ? -1 : unit.Sample, unit.Content));
    }

    [Fact]
    public void One_lost_frame_is_made_good_within_a_few_frames()
    {
        using var bench = Run(bench =>
        {
            SendSound(bench, 0, 20);
            SendSound(bench, 21, 40);
        });
        var units = Units(bench, 0);
        AssertSteps(units);
        Assert.All(units.Where(unit => unit.Sample >= 24 * 1024), unit => Assert.Equal(unit.Sample, unit.Content));
    }

    [Fact]
    public void A_hole_beyond_filling_is_a_jump_of_the_timeline_and_flagged()
    {
        using var bench = Run(bench =>
        {
            SendSound(bench, 0, 20);
            SendSound(bench, 500, 20);
        });
        var units = Units(bench, 0);
        Assert.Single(units, unit => unit.Jump);
        Assert.True(units.First(unit => unit.Jump).Sample >= 500 * 1024);
        Assert.All(units, unit => Assert.Equal(unit.Sample, unit.Content));
    }

    [Fact]
    public void An_overlap_is_trimmed()
    {
        using var bench = Run(bench =>
        {
            SendSound(bench, 0, 20);
            SendSound(bench, 15, 40);
        });
        var units = Units(bench, 0);
        AssertSteps(units);
        Assert.All(units, unit => Assert.Equal(unit.Sample, unit.Content));
    }

    [Fact]
    public void Jitter_is_left_alone_and_drift_is_followed_within_20_ms()
    {
        using var bench = Run(bench =>
        {
            for (var i = 0; i < 2000; i++)
            {
                // A clock that is 0.2 % fast, stamped in whole milliseconds with 3 ms of jitter.
                var place = (long)(i * 1024 * 1.002);
                var pts = Ms(MediaTime.FromSamples(place, Rate).Milliseconds + (i % 2 * 3));
                bench.Daemon.SendPacket(TrackKind.Audio, pts, pts, true, FakePayload.Sound(1024, place));
            }
        });
        var units = Units(bench, 0).Where(unit => unit.Content >= 0).ToList();
        AssertSteps(Units(bench, 0));
        Assert.All(units, unit => Assert.InRange(unit.Content - unit.Sample, -960, 960));
        Assert.InRange(units.Count, 1950, 2004);
    }

    [Fact]
    public void Renditions_of_equal_settings_share_an_encoder_and_get_equal_units()
    {
        var opened = 0;
        using var bench = new WorkerBench(new FakeDevice { Opening = what => opened += what is AudioEncoderSettings ? 1 : 0 });
        bench.Start(Sound(), Sound(), Fresh(new RenditionSpec("low", null, new AudioSpec(CodecId.Aac, 64000))));
        bench.Daemon.Send(AudioTrack);
        SendSound(bench, 0, 30);
        bench.EndSource();

        Assert.Equal(2, opened);
        Assert.Equal(Units(bench, 0), Units(bench, 1));
        Assert.Equal(Units(bench, 0), Units(bench, 2));
        Assert.Equal(3, bench.Daemon.All<RenditionStarted>(WorkerMessageType.RenditionStarted).Count);
    }

    [Fact]
    public void An_audio_encoder_that_fails_once_is_replaced_on_the_same_grid()
    {
        var failures = 0;
        using var bench = new WorkerBench(new FakeDevice
        {
            EncodingAudio = (_, frame) =>
            {
                if (((FakeFrame)frame).Values[0] == 10 * 1024 && failures++ == 0)
                {
                    throw new CodecException("broken", -5);
                }
            },
        });
        bench.Start(Sound());
        bench.Daemon.Send(AudioTrack);
        SendSound(bench, 0, 30);
        bench.EndSource();

        Assert.Equal(1, failures - 1);
        AssertSteps(Units(bench, 0));
    }

    [Fact]
    public void An_audio_encoder_that_keeps_failing_ends_its_renditions()
    {
        using var bench = new WorkerBench(new FakeDevice { EncodingAudio = (_, _) => throw new CodecException("broken", -5) });
        bench.Start(Sound());
        bench.Daemon.Send(AudioTrack);
        SendSound(bench, 0, 30);
        Assert.Equal(Reasons.SourceEnded, bench.EndSource().Code);
        Assert.Equal(Reasons.EncoderFailed, bench.Daemon.RenditionEnd(0)!.Value.Code);
    }

    private static WorkerBench Run(Action<WorkerBench> send)
    {
        var bench = new WorkerBench();
        bench.Start(Sound());
        bench.Daemon.Send(AudioTrack);
        send(bench);
        bench.EndSource();
        return bench;
    }

    private static RenditionJob Sound(MediaTime? resume = null) =>
        new(new RenditionSpec("sound", null, new AudioSpec(CodecId.Aac, 128000)), MediaTime.MinValue, resume ?? MediaTime.MinValue);

    private static void SendSound(WorkerBench bench, int from, int count)
    {
        for (var i = from; i < from + count; i++)
        {
            var pts = MediaTime.FromSamples(i * 1024L, Rate);
            bench.Daemon.SendPacket(TrackKind.Audio, pts, pts, true, FakePayload.Sound(1024, i * 1024L));
        }
    }

    private static List<(long Sample, long Content, bool Jump)> Units(WorkerBench bench, int rendition) =>
        [.. bench.Daemon.Packets(rendition, TrackKind.Audio).Select(message => (
            message.Header.Pts.ToSamples(Rate),
            BinaryPrimitives.ReadInt64BigEndian(message.Payload),
            message.Header.Flags.HasFlag(PacketFlags.Discontinuity)))];

    private static void AssertSteps(List<(long Sample, long Content, bool Jump)> units)
    {
        Assert.NotEmpty(units);
        Assert.All(units.Zip(units.Skip(1)), pair => Assert.Equal(1024, pair.Second.Sample - pair.First.Sample));
    }
}
